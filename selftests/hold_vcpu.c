// SPDX-License-Identifier: GPL-2.0-only
/* hold_vcpu COMMAND [ARG...] - run COMMAND while holding a virtual CPU */
#include <err.h>

#include "cpu_state.h"

int main(int argc, char **argv)
{
	int vcpu;

	if (argc < 2)
		errx(2, "usage: hold_vcpu COMMAND [ARG...]");
	vcpu = dune_create_vcpu(dune_open());
	if (vcpu < 0)
		err(125, "no virtual CPU");
	if (fcntl(vcpu, F_SETFD, 0))
		err(125, "F_SETFD");
	execvp(argv[1], argv + 1);
	err(127, "%s", argv[1]);
}
