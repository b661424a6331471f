// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls that can be about any process by its number: it is one of the sandbox. */
#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "handlers.h"

/* In a clock's number, of which the rest is that of a process, negated. */
#define CLOCK_KIND	7
#define CLOCK_FD	3

/* clock_gettime() and others, whose clock may be a process's or a descriptor. */
long handle_clock(struct dune_frame *frame)
{
	int clock = frame->rdi, number = ~(clock >> 3);

	if (clock >= 0 || !number)
		return forward(frame);
	if ((clock & CLOCK_KIND) == CLOCK_FD ? !is_descriptor(number) :
					       !is_ours(number))
		return -EINVAL;
	return forward(frame);
}

long handle_capget(struct dune_frame *frame)
{
	struct __user_cap_header_struct header;
	struct dune_frame changed = *frame;
	long ret = copy_in(&header, frame->rdi, sizeof(header));

	if (ret)
		return ret;
	if (header.pid && !is_ours(header.pid))
		return -ESRCH;
	changed.rdi = (uint64_t)&header;
	ret = forward_changed(frame, &changed);
	/* it tells which version it would have */
	if (copy_out(frame->rdi, &header, sizeof(header)))
		return -EFAULT;
	return ret;
}
