#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# checker-valid.sh CHECKER... - print 1 if the checker (make C=1) works
#
# The kernel's Makefile calls a script of this name, which Debian's package of
# its headers lacks.
echo | "$@" - >/dev/null 2>&1 && echo 1
