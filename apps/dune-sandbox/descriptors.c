// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Descriptors: what is done with one that is more than to read and to write.
 * Ring 3 gets none of those that the supervisor has for itself.
 */
#include "handlers.h"

#include <errno.h>
#include <poll.h>

/* Of commands that headers do not have yet. */
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY	1027
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY	1028
#endif

#define OTHERS		"a signal to a process of others"
#define TIME_SIZE	16
#define MASK_SIZE	8
#define WORD_BITS	64

/**
 * may_own() - may it get the signals of a descriptor
 * @who: a process, or a group as a negative number; 0: nobody
 */
bool may_own(int who)
{
	if (who >= 0)
		return !who || is_ours(who);
	return who != INT_MIN && is_our_group(-who);
}

/* To what is none of the supervisor's, which it would close. */
long handle_dup2(struct dune_frame *frame)
{
	if (!is_descriptor(argument(frame, 1)))
		return -EBADF;
	return forward(frame);
}

/* The first that is free may be one above ring 3's, if it has all of those. */
static long duplicate(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	long ret;

	if (!is_descriptor(argument(frame, 2)))
		return -EINVAL;
	ret = forward_changed(frame, &changed);
	if (ret < 0 || is_descriptor(ret))
		return ret;
	CALL1(SYS_close, ret);
	return -EMFILE;
}

static long set_owner(struct dune_frame *frame)
{
	if (!may_own(argument(frame, 2)))
		return forbid(frame, EPERM, OTHERS);
	return forward(frame);
}

static long set_owner_ex(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	struct f_owner_ex owner;
	long err = copy_in(&owner, argument(frame, 2), sizeof(owner));

	if (err)
		return err;
	if (owner.pid < 0)
		return -EINVAL;
	if (!may_own(owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid))
		return forbid(frame, EPERM, OTHERS);
	changed.rdx = (uint64_t)&owner;
	return forward_changed(frame, &changed);
}

static long with_memory(struct dune_frame *frame, uint64_t size)
{
	if (is_supervisors(argument(frame, 2), size))
		return -EFAULT;
	return forward(frame);
}

static long with_descriptor(struct dune_frame *frame)
{
	if (!is_descriptor(argument(frame, 2)))
		return -EBADF;
	return forward(frame);
}

static long control_owner(struct dune_frame *frame)
{
	switch ((int)argument(frame, 1)) {
	case F_SETOWN:
		return set_owner(frame);
	case F_SETOWN_EX:
		return set_owner_ex(frame);
	case F_GETOWN_EX:
		return with_memory(frame, sizeof(struct f_owner_ex));
	case F_GETOWN:
	case F_SETSIG:
	case F_GETSIG:
		return forward(frame);
	default:
		/* also F_NOTIFY: what happens in a folder is told by signals */
		return -EINVAL;
	}
}

long handle_fcntl(struct dune_frame *frame)
{
	switch ((int)argument(frame, 1)) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(frame);
	case F_DUPFD_QUERY:
		return with_descriptor(frame);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return with_memory(frame, sizeof(struct flock));
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
	case F_GET_FILE_RW_HINT:
	case F_SET_FILE_RW_HINT:
		return with_memory(frame, sizeof(uint64_t));
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_SETFL:
	case F_SETLEASE:
	case F_GETLEASE:
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
	case F_ADD_SEALS:
	case F_GET_SEALS:
	case F_CREATED_QUERY:
		return forward(frame);
	default:
		return control_owner(frame);
	}
}

/*
 * poll() has descriptors in memory: what is not ring 3's is not open. The list
 * is copied, as another thread may change it.
 */
static long poll_copied(struct dune_frame *frame, struct pollfd *list,
			uint64_t count)
{
	struct dune_frame changed = *frame;
	uint64_t size = count * sizeof(*list), i;
	long ret = copy_in(list, frame->rdi, size);

	if (ret)
		return ret;
	for (i = 0; i < count; i++)
		if (list[i].fd >= 0 && !is_descriptor(list[i].fd))
			list[i].fd = INT_MAX;
	changed.rdi = (uint64_t)list;
	ret = forward_changed(frame, &changed);
	for (i = 0; i < count && ret >= 0; i++)
		if (copy_out(frame->rdi + i * sizeof(*list) +
			     offsetof(struct pollfd, revents),
			     &list[i].revents, sizeof(list[i].revents)))
			ret = -EFAULT;
	return ret;
}

long handle_poll(struct dune_frame *frame)
{
	uint64_t count = (uint32_t)frame->rsi;

	if (count > policy->descriptors)
		return -EINVAL;
	return poll_copied(frame, __builtin_alloca(count *
						   sizeof(struct pollfd)),
			   count);
}

/* Is one in the sets that is not ring 3's? */
static bool has_more(const struct dune_frame *frame, uint32_t count)
{
	uint32_t word, last = (count - 1) / WORD_BITS;
	uint64_t bits;
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		word = policy->descriptors / WORD_BITS;
		for (; argument(frame, i) && word <= last; word++) {
			if (copy_in(&bits, argument(frame, i) +
				    word * sizeof(bits), sizeof(bits)))
				return false;
			if (word == policy->descriptors / WORD_BITS)
				bits &= -1UL << policy->descriptors % WORD_BITS;
			if (bits)
				return true;
		}
	}
	return false;
}

/* Not of the supervisor's, which are above. */
static long limit_sets(const struct dune_frame *frame,
		       struct dune_frame *changed)
{
	int count = argument(frame, 0);
	uint64_t size;
	unsigned int i;

	if (count < 0)
		return -EINVAL;
	if ((uint32_t)count > policy->descriptors) {
		if (has_more(frame, count))
			return -EBADF;
		count = policy->descriptors;
	}
	/* the kernel has them in words */
	size = (count + WORD_BITS - 1) / WORD_BITS * sizeof(uint64_t);
	for (i = 1; i <= 3; i++)
		if (argument(frame, i) &&
		    is_supervisors(argument(frame, i), size))
			return -EFAULT;
	if (argument(frame, 4) && is_supervisors(argument(frame, 4), TIME_SIZE))
		return -EFAULT;
	changed->rdi = count;
	return 0;
}

long handle_select(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	long err = limit_sets(frame, &changed);

	return err ?: forward_changed(frame, &changed);
}

/* Its signals are a pair of where they are, and of their size. */
long handle_pselect(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	struct { uint64_t at, size; } signals;
	long err = limit_sets(frame, &changed);

	if (err || !argument(frame, 5))
		return err ?: forward_changed(frame, &changed);
	err = copy_in(&signals, argument(frame, 5), sizeof(signals));
	if (err)
		return err;
	if (signals.at && is_supervisors(signals.at, MASK_SIZE))
		return -EFAULT;
	changed.r9 = (uint64_t)&signals;
	return forward_changed(frame, &changed);
}
