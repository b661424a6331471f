/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exceptions, taken by the program itself. */
#ifndef DUNE_TRAP_H
#define DUNE_TRAP_H

#include <dune/frame.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Vectors, Intel SDM, "Exception and Interrupt Vectors". */
#define DUNE_VECTOR_DE		0	/* division */
#define DUNE_VECTOR_DB		1	/* step, breakpoint register */
#define DUNE_VECTOR_BP		3	/* INT3 */
#define DUNE_VECTOR_OF		4
#define DUNE_VECTOR_BR		5
#define DUNE_VECTOR_UD		6	/* no such instruction */
#define DUNE_VECTOR_NM		7
#define DUNE_VECTOR_TS		10
#define DUNE_VECTOR_NP		11
#define DUNE_VECTOR_SS		12
#define DUNE_VECTOR_GP		13	/* general protection */
#define DUNE_VECTOR_PF		14	/* page fault */
#define DUNE_VECTOR_MF		16
#define DUNE_VECTOR_AC		17
#define DUNE_VECTOR_XM		19
#define DUNE_EXCEPTIONS		32

/* Of a page fault's error code. */
#define DUNE_FAULT_PRESENT	(1U << 0)	/* rights, not absence */
#define DUNE_FAULT_WRITE	(1U << 1)
#define DUNE_FAULT_USER		(1U << 2)	/* in ring 3 */
#define DUNE_FAULT_FETCH	(1U << 4)
#define DUNE_FAULT_KEY		(1U << 5)

/**
 * enum dune_verdict - what a handler says
 * @DUNE_DONE: go on with the frame as it is now
 * @DUNE_PASS: not mine: the signal comes that Linux has for it
 */
enum dune_verdict { DUNE_DONE, DUNE_PASS };

/**
 * typedef dune_trap_handler - handles an exception
 * @frame: what was interrupted, to be changed as needed
 *
 * Runs in ring 0 with interrupts off, so that no signal comes: on the stack of
 * dune_run_user() for what happens in ring 3, else on one of the thread's own
 * (&dune_options.stack_size) below what is in use of it. It begins with the
 * control registers of floating-point and vector units as a new process has
 * them. It may fault itself, call the functions of libdune that say so, make
 * system calls, and, if it was called from ring 0, leave by siglongjmp(), or an
 * exception of C++, after dune_set_interrupts().
 */
typedef enum dune_verdict (*dune_trap_handler)(struct dune_frame *frame);

/**
 * typedef dune_fault_handler - handles a page fault
 * @address: what was accessed; or, where the root shows what the process does
 *	not have (DUNE_FAULT_PRESENT is clear), the address that it lacks. Only
 *	in a root that shows all at its own address these are the same
 * @error: DUNE_FAULT_*
 * @frame: as for dune_trap_handler
 */
typedef enum dune_verdict (*dune_fault_handler)(uint64_t address,
						unsigned int error,
						struct dune_frame *frame);

/* The handler uses no floating-point or vector register: none is saved. */
#define DUNE_HANDLER_INTEGER	(1U << 0)

/**
 * dune_set_trap_handler() - take an exception
 * @vector: 0 to 31, but not 2, 8, 14 and 18
 * @handler: NULL: none, the signal comes
 * @flags: DUNE_HANDLER_*
 *
 * For all threads of the process, in ring 0 and ring 3. May be called at any
 * time, also in a handler; a thread that is in the old one completes it.
 *
 * Return: 0; -EINVAL for another vector or flag.
 */
int dune_set_trap_handler(unsigned int vector, dune_trap_handler handler,
			  unsigned int flags);

/**
 * dune_set_fault_handler() - take page faults
 * @handler: NULL: none, the signal comes
 * @flags: DUNE_HANDLER_*
 *
 * It is not asked about memory that libdune fills in (DUNE_ROOT_FILL). Else as
 * dune_set_trap_handler(). What the process has no memory for reaches it too:
 * there, DUNE_PASS is the answer that gives SIGSEGV or SIGBUS.
 *
 * Return: 0; -EINVAL for an unknown flag.
 */
int dune_set_fault_handler(dune_fault_handler handler, unsigned int flags);

/**
 * dune_step() - have one instruction executed, then #DB
 * @frame: of a handler
 * @on: whether
 */
static inline void dune_step(struct dune_frame *frame, int on)
{
	if (on)
		frame->rflags |= DUNE_RFLAGS_TF;
	else
		frame->rflags &= ~DUNE_RFLAGS_TF;
}

/**
 * dune_set_interrupts() - let signals come, or not
 * @on: whether
 *
 * In ring 0 of Dune only. Costs an instruction or two; what waits has come when
 * it returns with them on again.
 */
static inline void dune_set_interrupts(int on)
{
	/* STI lets them come behind the instruction that follows */
	if (on)
		__asm__ volatile("sti; nop" : : : "memory");
	else
		__asm__ volatile("cli" : : : "memory");
}

/**
 * dune_copy() - copy memory that may not be there
 * @to: to where
 * @from: from where
 * @size: in bytes
 *
 * In ring 0 of Dune. No handler and no signal sees the fault. May be called in
 * a handler. With SMAP on, memory of ring 3 counts as not there unless AC is
 * set.
 *
 * Return: 0; -EFAULT when a byte could not be read or written, those before it
 * are copied; -EPERM outside of Dune.
 */
int dune_copy(void *to, const void *from, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_TRAP_H */
