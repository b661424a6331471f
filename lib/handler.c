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
static bool has_handler(const struct dune_frame *frame)
{
	return frame->vector < DUNE_EXCEPTIONS && handlers[frame->vector] &&
	       !dune_is_copy(frame);
}

/*
 * Traps begin on one of two stacks of the thread's block. Elsewhere it is not
 * libdune's task state segment that said where.
 */
static struct dune_thread *thread_of(const struct dune_frame *frame)
{
	uint64_t end = (uint64_t)(frame + 1), offset = end % DUNE_THREAD_SIZE;

	if ((offset != DUNE_TRAP_STACK && offset != DUNE_SIGNAL_STACK) ||
	    !dune_is_own(end))
		return NULL;
	return (struct dune_thread *)(end - offset);
}

/* What a handler that changes no more than the frame may need of its stack. */
#define HANDLER_NEEDS	8192

/*
 * Where the handler goes on with the frame: below what is in use. NULL: there
 * is no more room for one.
 */
static struct dune_frame *move_frame(struct dune_thread *thread,
				     const struct dune_frame *frame)
{
	uint64_t end = (uint64_t)thread->handler_stack;
	struct dune_frame *place;

	if (dune_is_user(thread, frame)) {
		end = thread->ring3.rsp;
	} else if (end - frame->rsp < thread->handler_size) {
		if (end - frame->rsp + HANDLER_NEEDS > thread->handler_size)
			return NULL;
		end = frame->rsp - RED_ZONE;
	}
	place = (struct dune_frame *)(end & ~15UL) - 1;
	*place = *frame;
	return place;
}

/**
 * dune_trap() - called by the stubs, on a stack that the next trap uses, too
 * @frame: what was interrupted
 *
 * The host's side of the thread has all that there is to know, and changes the
 * frame; unless the program has a handler.
 *
 * Return: NULL to go on with @frame; else where that was moved to, for
 * dune_handle().
 */
struct dune_frame *dune_trap(struct dune_frame *frame)
{
	struct dune_thread *thread = thread_of(frame);
	struct dune_frame *place = NULL;

	/* else all that comes from ring 0 is as it should be */
	if (thread && (dune_was_in_ring3(thread) ||
		       frame->vector == DUNE_VECTOR_DB) &&
	    dune_user_trap(thread, frame))
		return NULL;
	if (thread && has_handler(frame))
		place = move_frame(thread, frame);
	if (place)
		return place;
	if (frame->vector == DUNE_VECTOR_SIGNAL)
		CALL1(DUNE_CALL_SIGNAL, frame);
	else
		CALL2(DUNE_CALL_EXCEPTION, frame, dune_fault_address());
	if (thread)
		dune_user_return(thread, frame);
	return NULL;
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
 * @first: where that was at first, in the block of its thread
 */
void dune_handle(struct dune_frame *frame, const struct dune_frame *first)
{
	struct dune_thread *thread =
		(void *)((uint64_t)first & ~(DUNE_THREAD_SIZE - 1));
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
	if (dune_in_sequence(thread))
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
