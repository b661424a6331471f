/* SPDX-License-Identifier: GPL-2.0-only */
/* Both backends' spellings of nested page tables. */
#ifndef DUNE_NPT_FORMATS_H
#define DUNE_NPT_FORMATS_H

#include "../core/hal.h"

extern const struct dune_npt_format vmx_ept_format;
extern const struct dune_npt_format svm_npt_format;

#endif /* DUNE_NPT_FORMATS_H */
