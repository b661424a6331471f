// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The second wall: a seccomp filter for the process as a whole. It holds for the
 * supervisor too, so it lets pass what that calls for itself; what no program
 * may call the kernel does not take from this process, whoever asks.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

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

static int compile(scmp_filter_ctx filter, struct sock_fprog *program)
{
	int fd = memfd_create("wall", MFD_CLOEXEC), err;
	off_t size;

	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(filter, fd);
	size = lseek(fd, 0, SEEK_END);
	program->len = size / sizeof(*program->filter);
	program->filter = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return err ?: program->filter == MAP_FAILED ? -ENOMEM : 0;
}

/* Where each program that is executed finds it. */
static int keep_filter(int fd)
{
	int32_t filter = dune_keep_descriptor(fd);

	if (filter < 0)
		return filter;
	if (fcntl(filter, F_SETFD, 0) ||
	    pwrite(policy->self, &filter, sizeof(filter),
		   offsetof(struct policy, filter)) != sizeof(filter))
		return -errno;
	return 0;
}

/*
 * By the module, where it can: then it need not leave each call to the kernel's
 * entry path for the filter to be asked.
 */
static int load(scmp_filter_ctx filter)
{
	struct sock_fprog program;
	int fd = compile(filter, &program);

	if (fd)
		return fd;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	fd = dune_filter_add(&program);
	if (fd == -EOPNOTSUPP)
		return seccomp_load(filter);
	return fd < 0 ? fd : keep_filter(fd);
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
		err = allow(filter) ?: load(filter);
	seccomp_release(filter);
	return err;
}
