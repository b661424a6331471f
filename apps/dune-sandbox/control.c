// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a process says about itself (prctl, personality). All of it is true of
 * the supervisor as well, so it is what does that no harm.
 */
#include "handlers.h"

#include <errno.h>
#include <sys/prctl.h>

#ifndef PR_GET_MDWE
#define PR_GET_MDWE	66
#endif

#define NAME_SIZE	16	/* of a thread */
#define VMA_NAME_SIZE	80
#define QUERY		0xffffffffU

static long with_memory(struct dune_frame *frame, uint64_t size)
{
	if (is_supervisors(argument(frame, 1), size))
		return -EFAULT;
	return forward(frame);
}

/* A name for memory, which is to be ring 3's. */
static long name_memory(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	char name[VMA_NAME_SIZE];
	long length;

	if (argument(frame, 1) != PR_SET_VMA_ANON_NAME)
		return -EINVAL;
	if (is_supervisors(argument(frame, 2), argument(frame, 3)))
		return -EBADF;
	if (argument(frame, 4)) {
		length = copy_string(name, argument(frame, 4), sizeof(name));
		if (length < 0)
			return length == -EFAULT ? length : -EINVAL;
		changed.r8 = (uint64_t)name;
	}
	return forward_changed(frame, &changed);
}

/* Others of the sandbox are not to see less of it, but outsiders may. */
static long set_dumpable(struct dune_frame *frame)
{
	if (argument(frame, 1))
		return forbid(frame, EPERM, "to be seen by others");
	return forward(frame);
}

static long change_ambient(struct dune_frame *frame)
{
	if (argument(frame, 1) == PR_CAP_AMBIENT_RAISE)
		return forbid(frame, EPERM, "more capabilities");
	return forward(frame);
}

/* What attaches something, or lets others have it. */
static long other_control(struct dune_frame *frame)
{
	switch ((int)argument(frame, 0)) {
	case PR_SET_VMA:
		return name_memory(frame);
	case PR_SET_DUMPABLE:
		return set_dumpable(frame);
	case PR_CAP_AMBIENT:
		return change_ambient(frame);
	case PR_SET_SECCOMP:
	case PR_SET_MM:
	case PR_SET_SECUREBITS:
	case PR_SET_SPECULATION_CTRL:
		return forbid(frame, EPERM, "to change the supervisor");
	case PR_SET_PTRACER:
		return forbid(frame, EINVAL, "a debugger");
	default:
		return -EINVAL;
	}
}

long handle_prctl(struct dune_frame *frame)
{
	switch ((int)argument(frame, 0)) {
	case PR_SET_NAME:
	case PR_GET_NAME:
		return with_memory(frame, NAME_SIZE);
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER:
		return with_memory(frame, sizeof(int));
	case PR_SET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_GET_TIMING:
	case PR_GET_SECCOMP:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_GET_SECUREBITS:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
	case PR_MCE_KILL_GET:
	case PR_SET_CHILD_SUBREAPER:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
	case PR_GET_SPECULATION_CTRL:
	case PR_GET_MDWE:
		return forward(frame);
	default:
		return other_control(frame);
	}
}

/* To ask, or to be what it is. */
long handle_personality(struct dune_frame *frame)
{
	uint32_t wanted = argument(frame, 0);

	if (wanted != QUERY && wanted != CALL1(SYS_personality, QUERY))
		return forbid(frame, EPERM, "another kind of process");
	return forward(frame);
}
