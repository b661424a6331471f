// SPDX-License-Identifier: LGPL-2.1-or-later
/* The program's own handlers of exceptions. */
#include "internal.h"

#include <errno.h>

/* Those that the guest does not get, or cannot go on after. */
#define NOT_TAKEN	(1U << 2 | 1U << 8 | 1U << 14 | 1U << 18)

/* By vector: the handler, with how it is to be called. 0: none. */
static uint64_t handlers[DUNE_EXCEPTIONS];

/* Makes it the one that is kept at @place, with how it is to be called. */
int dune_set_handler(uint64_t *place, void *handler, unsigned int flags)
{
	uint64_t value = (uint64_t)handler;

	if (flags & ~DUNE_HANDLER_INTEGER)
		return -EINVAL;
	if (handler && flags & DUNE_HANDLER_INTEGER)
		value |= DUNE_INTEGER;
	__atomic_store_n(place, value, __ATOMIC_RELEASE);
	return 0;
}

int dune_set_trap_handler(unsigned int vector, dune_trap_handler handler,
			  unsigned int flags)
{
	if (vector >= DUNE_EXCEPTIONS || NOT_TAKEN >> vector & 1)
		return -EINVAL;
	return dune_set_handler(&handlers[vector], handler, flags);
}

int dune_set_fault_handler(dune_fault_handler handler, unsigned int flags)
{
	return dune_set_handler(&handlers[DUNE_VECTOR_PF], handler, flags);
}

/* One that dune_copy() can miss is not the program's to see. */
static bool is_copy(const struct dune_frame *frame)
{
	return frame->rip == (uint64_t)dune_copy_access &&
	       !(frame->cs & 3);
}

bool dune_has_handler(const struct dune_frame *frame)
{
	return frame->vector < DUNE_EXCEPTIONS && handlers[frame->vector] &&
	       !is_copy(frame);
}

static enum dune_verdict call(uint64_t handler, struct dune_frame *frame,
			      uint64_t address)
{
	void *function = (void *)(handler & ~DUNE_INTEGER);

	if (frame->vector == DUNE_VECTOR_PF)
		return ((dune_fault_handler)function)(address,
						      frame->error_code, frame);
	return ((dune_trap_handler)function)(frame);
}

/* With what the handler may change of floating-point and vector registers. */
static enum dune_verdict call_saved(uint64_t handler, struct dune_frame *frame,
				    uint64_t address)
{
	char *area = DUNE_STATE_AREA();
	enum dune_verdict verdict;

	dune_begin_state(area);
	verdict = call(handler, frame, address);
	dune_load_state(area);
	return verdict;
}

/*
 * Was it only that libdune did not show it yet, or another thread changes what
 * is there? Then the instruction is to be tried again.
 */
static bool is_gone(struct dune_frame *frame, uint64_t address)
{
	return frame->vector == DUNE_VECTOR_PF &&
	       !(frame->error_code & DUNE_FAULT_PRESENT) &&
	       CALL2(DUNE_CALL_ABSENT, frame, address);
}

/**
 * dune_handle() - have the program handle an exception
 * @frame: what was interrupted, at the end of the stack that is to be used
 * @thread: whose it is
 */
void dune_handle(struct dune_frame *frame, struct dune_thread *thread)
{
	/* read before anything else can fault */
	uint64_t address = dune_fault_address();
	uint64_t handler = __atomic_load_n(&handlers[frame->vector],
					   __ATOMIC_ACQUIRE);
	enum dune_verdict verdict = DUNE_PASS;

	if (is_gone(frame, address)) {
		dune_user_return(thread, frame);
		return;
	}
	/* the handler may have been moved to another CPU when it returns */
	dune_rseq_abort(thread, (__u64 *)&frame->rip);
	if (handler & DUNE_INTEGER)
		verdict = call(handler, frame, address);
	else if (handler)
		verdict = call_saved(handler, frame, address);
	if (verdict != DUNE_DONE)
		CALL2(DUNE_CALL_EXCEPTION, frame, address);
	dune_user_return(thread, frame);
}

int dune_copy(void *to, const void *from, size_t size)
{
	if (!dune_in_ring0())
		return -EPERM;
	return dune_copy_bytes(to, from, size) ? -EFAULT : 0;
}
