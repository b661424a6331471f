// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The second wall: a seccomp filter for the process as a whole. It holds for the
 * supervisor too, so it lets pass what that calls for itself; what no program
 * may call the kernel does not take from this process, whoever asks.
 */
#include "sandbox.h"

#include <errno.h>
#include <seccomp.h>

/* What is not ring 3's to call, or not as it is. */
static const int own[] = {
	SYS_openat2, SYS_execveat, SYS_restart_syscall, SYS_rseq, SYS_clone3,
	SYS_rt_tgsigqueueinfo, SYS_rt_sigqueueinfo, SYS_mincore, SYS_madvise,
};

static int allow(scmp_filter_ctx filter)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < SYSCALLS && !err; i++)
		if (calls[i].verdict == ALLOWED || calls[i].optional)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, i, 0);
	for (i = 0; i < ARRAY_SIZE(own) && !err; i++)
		if (calls[own[i]].verdict != ALLOWED)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, own[i],
					       0);
	return err;
}

/**
 * raise_wall() - have the kernel refuse what nobody in here may call
 *
 * Return: 0; a negative errno.
 */
int raise_wall(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!filter)
		return -ENOMEM;
	/* a tree, not a list */
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = allow(filter) ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
