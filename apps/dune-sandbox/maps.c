// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls about ring 3's own memory. libdune lets it change nothing but what it
 * has; here it is kept out of where the supervisor's memory is, and may be.
 */
#include "sandbox.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/close_range.h>
#include <sys/mman.h>

#include "handlers.h"

static long refuse_range(const struct dune_frame *frame)
{
	return refuse(frame, EPERM, "memory of the supervisor", NULL) ?: -EPERM;
}

/* mprotect() and its like; there is nothing in there for ring 3. */
long handle_range(struct dune_frame *frame)
{
	if (!is_supervisors(frame->rdi, frame->rsi))
		return forward(frame);
	/* what is not to be there is not there */
	if (frame->rdi >> 47)
		return frame->rax == SYS_munmap ? -EINVAL : -ENOMEM;
	return refuse_range(frame);
}

/* The kernel writes one byte for each page. */
long handle_mincore(struct dune_frame *frame)
{
	uint64_t pages = frame->rsi / DUNE_PAGE_SIZE +
			 !!(frame->rsi % DUNE_PAGE_SIZE);

	if (is_supervisors(frame->rdx, pages))
		return -EFAULT;
	return handle_range(frame);
}

long handle_mmap(struct dune_frame *frame)
{
	if (!(frame->r10 & MAP_ANONYMOUS) && !is_descriptor(frame->r8))
		return -EBADF;
	/* it would grow to where nobody has looked */
	if (frame->r10 & MAP_GROWSDOWN)
		return -EOPNOTSUPP;
	if (frame->r10 & (MAP_FIXED | MAP_FIXED_NOREPLACE) &&
	    is_supervisors(frame->rdi, frame->rsi)) {
		if (frame->rdi >> 47)
			return -ENOMEM;
		return refuse_range(frame);
	}
	return forward(frame);
}

long handle_mremap(struct dune_frame *frame)
{
	if (is_supervisors(frame->rdi, frame->rsi) ||
	    (frame->r10 & MREMAP_FIXED &&
	     is_supervisors(frame->r8, frame->rdx)))
		return refuse_range(frame);
	return forward(frame);
}

long handle_arch_prctl(struct dune_frame *frame)
{
	switch (frame->rdi) {
	case ARCH_GET_FS:
		if (is_supervisors(frame->rsi, sizeof(uint64_t)))
			return -EFAULT;
		break;
	case ARCH_SET_FS:
		break;
	default:
		return -EINVAL;
	}
	return forward(frame);
}

/* What is beyond its own is not there for ring 3. */
long handle_close_range(struct dune_frame *frame)
{
	struct dune_frame changed = *frame;
	uint32_t first = frame->rdi, last = frame->rsi;

	if (first > last || frame->rdx & ~(uint64_t)CLOSE_RANGE_CLOEXEC)
		return -EINVAL;
	if (first >= policy->descriptors)
		return 0;
	if (last >= policy->descriptors)
		changed.rsi = policy->descriptors - 1;
	return forward_changed(frame, &changed);
}
