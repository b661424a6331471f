// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Processes: which ring 3 may make, and which it may have to do with. Those of
 * the sandbox have the policy at the same descriptor, so the file that is there
 * tells them from all others.
 *
 * How many there may be is a number of bytes of that file. Each process holds
 * the lock of one, which the kernel takes away when the process ends, and gives
 * to no child. A lock also ends when its process closes any descriptor of the
 * file: the supervisor closes none, and ring 3 has none.
 */
#include "handlers.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OWN_FLAGS							\
	(CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |	\
	 CLONE_PIDFD | CLONE_VFORK | CLONE_THREAD | CLONE_SYSVSEM |	\
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |	\
	 CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO)

#define PATH_SIZE	64
#define FULL		127
#define ADDRESS_BITS	47

/* The byte whose lock this process holds. */
static uint32_t slot;

static int own_pid(void)
{
	return CALL1(SYS_getpid, 0);
}

/* A child's number is its own until it has been waited for. */
static bool is_child(int pid)
{
	return !CALL(SYS_waitid, P_PID, pid, NULL,
		     WEXITED | WNOHANG | WNOWAIT | __WALL, NULL, 0);
}

static bool has_policy(int pid)
{
	struct stat own, its;
	char path[PATH_SIZE], *end = path + sizeof(path), *to;

	to = text_put(path, end, "/proc/");
	to = text_put_number(to, end, pid, 10);
	to = text_put(to, end, "/fd/");
	text_put_number(to, end, policy->self, 10);
	return !CALL2(SYS_fstat, policy->self, &own) &&
	       !CALL4(SYS_newfstatat, AT_FDCWD, path, &its, 0) &&
	       own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

/**
 * is_ours() - is a process one of the sandbox
 * @pid: its number, or that of a thread
 *
 * One that has ended is if it is a child of this.
 */
bool is_ours(int pid)
{
	return pid > 0 && (pid == own_pid() || is_child(pid) ||
			   has_policy(pid));
}

/**
 * is_our_group() - is a process group one of the sandbox
 * @group: its number
 *
 * Its first process may have ended; then it is known by this one's being in it,
 * which joins no other's.
 */
bool is_our_group(int group)
{
	if (group <= 0 || (policy->group && group == policy->group))
		return false;
	return group == CALL1(SYS_getpgid, 0) || is_ours(group);
}

static long lock_slot(int how, uint32_t i, short *type)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = i,
		.l_len = 1,
	};
	long err = CALL3(SYS_fcntl, policy->self, how, &lock);

	*type = lock.l_type;
	return err;
}

static void unlock_slots(uint32_t start, uint32_t count)
{
	const struct flock lock = {
		.l_type = F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = count,
	};

	/* a length of zero would be all the rest */
	if (count)
		CALL3(SYS_fcntl, policy->self, F_SETLK, &lock);
}

/**
 * take_slot() - be one of so many processes
 *
 * For each new process, and for a program when it begins: that has the lock of
 * the one that executed it, perhaps at another byte.
 *
 * Return: 0; -EAGAIN if there are as many as there may be.
 */
long take_slot(void)
{
	uint32_t max = policy->max_processes, first, i;
	short type;

	if (!max)
		return 0;
	/* not where all begin */
	first = (uint32_t)own_pid() % max;
	for (i = 0; i < max; i++) {
		slot = (first + i) % max;
		if (lock_slot(F_SETLK, slot, &type))
			continue;
		unlock_slots(0, slot);
		unlock_slots(slot + 1, max - slot - 1);
		return 0;
	}
	return -EAGAIN;
}

/* This process's own lock looks to it as if it were not there. */
static bool is_slot_free(void)
{
	short type;
	uint32_t i;

	for (i = 0; i < policy->max_processes; i++)
		if (i != slot && !lock_slot(F_GETLK, i, &type) &&
		    type == F_UNLCK)
			return true;
	return false;
}

struct birth {
	uint32_t flags;
	uint64_t parent_tid, child_tid, tls;
};

static void read_birth(struct birth *birth, const struct dune_frame *frame)
{
	*birth = (struct birth) { .flags = SIGCHLD };
	if (frame->rax == SYS_vfork)
		birth->flags |= CLONE_VM | CLONE_VFORK;
	if (frame->rax != SYS_clone)
		return;
	birth->flags = argument(frame, 0);
	birth->parent_tid = argument(frame, 2);
	birth->child_tid = argument(frame, 3);
	birth->tls = argument(frame, 4);
}

static long check_addresses(const struct birth *birth)
{
	if (birth->flags & (CLONE_PARENT_SETTID | CLONE_PIDFD) &&
	    is_supervisors(birth->parent_tid, sizeof(int)))
		return -EFAULT;
	if (birth->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID) &&
	    is_supervisors(birth->child_tid, sizeof(int)))
		return -EFAULT;
	if (birth->flags & CLONE_SETTLS && birth->tls >> ADDRESS_BITS)
		return -EPERM;
	return 0;
}

/*
 * One that has its parent's memory or descriptors, but is no thread, would run
 * in the supervisor's memory without the locks and numbers that it takes to be
 * its own; but for the child of vfork(), whose parent waits. A thread with
 * descriptors of its own could outlive those that have the lock.
 */
static long check_flags(const struct dune_frame *frame, uint32_t flags)
{
	if (flags & ~OWN_FLAGS)
		return forbid(frame, EPERM,
			      "a child with namespaces or another's parent");
	if (!(flags & CLONE_THREAD) != !(flags & CLONE_FILES))
		return forbid(frame, EPERM,
			      "descriptors that are not those of a process");
	if (flags & CLONE_VM && !(flags & (CLONE_VFORK | CLONE_THREAD)))
		return forbid(frame, EPERM,
			      "a process with the memory of another");
	return 0;
}

static long check_birth(const struct dune_frame *frame,
			const struct birth *birth)
{
	long err = check_flags(frame, birth->flags);

	err = err ?: check_addresses(birth);
	if (err || birth->flags & CLONE_THREAD || !policy->max_processes)
		return err;
	return is_slot_free() ? 0 : -EAGAIN;
}

/* What the child of a fork finds is its parent's. */
static void begin_child(void)
{
	forget_robust_lists();
	descriptors_are_shared = false;
	if (!take_slot())
		return;
	for (;;)
		CALL1(SYS_exit_group, FULL);
}

/*
 * The child of vfork() begins in ring 3, where it takes no lock, and it can
 * outlive its parent. So where processes are counted it gets memory of its own.
 */
static void set_flags(struct dune_frame *frame, uint32_t flags)
{
	if (policy->max_processes && !(flags & CLONE_THREAD))
		flags &= ~(CLONE_VM | CLONE_VFORK | CLONE_SIGHAND);
	/* only the kernel's half of it */
	if (frame->rax == SYS_clone)
		frame->rdi = flags;
	else if (!(flags & CLONE_VFORK))
		frame->rax = SYS_fork;
}

/* In the frame itself: libdune sets the stack of the child in there. */
long handle_clone(struct dune_frame *frame)
{
	uint64_t rdi = frame->rdi;
	struct birth birth;
	int pid = own_pid();
	long ret;

	read_birth(&birth, frame);
	ret = check_birth(frame, &birth);
	if (ret)
		return ret;
	if (birth.flags & CLONE_THREAD)
		descriptors_are_shared = true;
	set_flags(frame, birth.flags);
	ret = forward(frame);
	frame->rdi = rdi;
	/* a child with this memory begins in ring 3 and does not come here */
	if (own_pid() != pid)
		begin_child();
	return ret;
}

long handle_setpgid(struct dune_frame *frame)
{
	int pid = argument(frame, 0), group = argument(frame, 1);

	if (group && group != pid && !is_our_group(group))
		return forbid(frame, EPERM, "a process group of others");
	return forward(frame);
}

/* Only what is of the sandbox is known to it. */
static long check_process(const struct dune_frame *frame, int pid)
{
	if (!pid || is_ours(pid))
		return 0;
	return forbid(frame, ESRCH, "a process of others");
}

long handle_process(struct dune_frame *frame)
{
	long err = check_process(frame, argument(frame, 0));

	return err ?: forward(frame);
}

/* The kernel's numbers of what is meant are those of ioprio_get() less one. */
long handle_priority(struct dune_frame *frame)
{
	bool io = frame->rax == SYS_ioprio_get || frame->rax == SYS_ioprio_set;
	int which = (int)argument(frame, 0) - io, who = argument(frame, 1);

	if (which == PRIO_PROCESS && (!who || is_ours(who)))
		return forward(frame);
	if (which == PRIO_PGRP && is_our_group(who ?: CALL1(SYS_getpgid, 0)))
		return forward(frame);
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	return forbid(frame, EPERM, "the priority of others");
}

/* What ring 3 sees of the limit of descriptors are its own. */
static void cap(struct rlimit *limit)
{
	if (limit->rlim_cur > policy->descriptors)
		limit->rlim_cur = policy->descriptors;
	if (limit->rlim_max > policy->descriptors)
		limit->rlim_max = policy->descriptors;
}

static long get_limit(unsigned int which, struct rlimit *limit)
{
	long err = CALL4(SYS_prlimit64, 0, which, NULL, limit);

	if (!err && which == RLIMIT_NOFILE)
		cap(limit);
	return err;
}

/* The hard limit of descriptors is the supervisor's, who needs some too. */
static long set_limit(const struct dune_frame *frame, unsigned int which,
		      const struct rlimit *wanted)
{
	struct rlimit limit, seen;
	long err = CALL4(SYS_prlimit64, 0, which, NULL, &limit);

	if (err)
		return err;
	seen = limit;
	if (which == RLIMIT_NOFILE)
		cap(&seen);
	if (wanted->rlim_cur > wanted->rlim_max)
		return -EINVAL;
	if (wanted->rlim_max > seen.rlim_max)
		return forbid(frame, EPERM, "a limit higher than it is");
	limit.rlim_cur = wanted->rlim_cur;
	if (which != RLIMIT_NOFILE)
		limit.rlim_max = wanted->rlim_max;
	return CALL4(SYS_prlimit64, 0, which, &limit, NULL);
}

/* Both as prlimit() does it: the old one is what was before. */
static long change_limit(const struct dune_frame *frame, unsigned int which,
			 uint64_t new_at, uint64_t old_at)
{
	struct rlimit wanted, old;
	long err = get_limit(which, &old);

	if (!err && new_at)
		err = copy_in(&wanted, new_at, sizeof(wanted));
	if (!err && new_at)
		err = set_limit(frame, which, &wanted);
	if (!err && old_at)
		err = copy_out(old_at, &old, sizeof(old));
	return err;
}

long handle_getrlimit(struct dune_frame *frame)
{
	if (!argument(frame, 1))
		return -EFAULT;
	return change_limit(frame, argument(frame, 0), 0, argument(frame, 1));
}

long handle_setrlimit(struct dune_frame *frame)
{
	if (!argument(frame, 1))
		return -EFAULT;
	return change_limit(frame, argument(frame, 0), argument(frame, 1), 0);
}

long handle_prlimit(struct dune_frame *frame)
{
	int pid = argument(frame, 0);

	if (pid && pid != own_pid())
		return forbid(frame, EPERM, "limits of another process");
	return change_limit(frame, argument(frame, 1), argument(frame, 2),
			    argument(frame, 3));
}
