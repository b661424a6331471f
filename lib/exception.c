// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Exceptions that the program does not handle itself: they are looked into, and
 * what is wrong becomes the signal that it would be outside.
 */
#include "internal.h"

#include <asm/prctl.h>
#include <sys/syscall.h>

/* As the kernel reports exceptions, by vector; others are SIGSEGV of its own. */
static const struct {
	uint8_t signal, code;
	bool address;		/* si_addr is the instruction */
} faults[32] = {
	[0] = { SIGFPE, FPE_INTDIV, true },
	[1] = { SIGTRAP, TRAP_TRACE, true },
	[3] = { SIGTRAP, SI_KERNEL, false },
	[6] = { SIGILL, ILL_ILLOPN, true },
	[11] = { SIGBUS, SI_KERNEL, false },
	[12] = { SIGBUS, SI_KERNEL, false },
	[DUNE_VECTOR_PF] = { SIGSEGV, SEGV_ACCERR, false },
	[DUNE_VECTOR_MF] = { SIGFPE, FPE_FLTINV, true },
	[17] = { SIGBUS, BUS_ADRALN, false },
	[DUNE_VECTOR_XM] = { SIGFPE, FPE_FLTINV, true },
};

/* Invalid, denormal, divide, overflow, underflow, inexact. */
static int floating_point_code(unsigned int flags)
{
	if (flags & 1)
		return FPE_FLTINV;
	if (flags & 4)
		return FPE_FLTDIV;
	if (flags & 8)
		return FPE_FLTOVF;
	if (flags & (16 | 2))
		return FPE_FLTUND;
	return flags & 32 ? FPE_FLTRES : 0;
}

static int floating_point_fault(uint64_t vector)
{
	uint16_t status, control;
	uint32_t mxcsr;

	if (vector == DUNE_VECTOR_MF) {
		asm volatile("fnstsw %0; fnstcw %1"
			     : "=m" (status), "=m" (control));
		return floating_point_code(status & ~control & 0x3f);
	}
	asm volatile("stmxcsr %0" : "=m" (mxcsr));
	return floating_point_code(~(mxcsr >> 7) & mxcsr & 0x3f);
}

static void describe_fault(const struct dune_frame *frame, uint64_t cr2,
			   siginfo_t *info)
{
	uint64_t vector = frame->vector;

	*info = (siginfo_t){ .si_signo = SIGSEGV, .si_code = SI_KERNEL };
	if (vector < 32 && faults[vector].signal) {
		info->si_signo = faults[vector].signal;
		info->si_code = faults[vector].code;
		if (faults[vector].address)
			info->si_addr = (void *)frame->rip;
	}
	if (vector == DUNE_VECTOR_PF)
		info->si_addr = (void *)cr2;
	if (vector == DUNE_VECTOR_MF || vector == DUNE_VECTOR_XM)
		info->si_code = floating_point_fault(vector);
}

/*
 * What is wrong with an address only the kernel knows: it tells whoever
 * touches it. False: by now it is there.
 */
static bool ask_kernel(const struct dune_frame *frame, uint64_t cr2,
		       siginfo_t *info)
{
	bool there;

	dune_set_mask(~(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS)));
	there = frame->error_code & DUNE_FAULT_WRITE ?
		dune_probe_write(cr2, info) : dune_probe_read(cr2, info);
	dune_block_signals();
	/* what can be read but not executed */
	return !there || frame->error_code & DUNE_FAULT_FETCH;
}

/* For a thread that goes on outside: the same bases as in the guest. */
int dune_outside_bases(const struct dune_thread *thread)
{
	struct dune_state state;
	int err = CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, &state);

	if (!err) {
		CALL2(SYS_arch_prctl, ARCH_SET_FS, state.fs.base);
		CALL2(SYS_arch_prctl, ARCH_SET_GS, state.gs.base);
	}
	return err;
}

#define INT3		0xcc

/*
 * Nobody handles it: the thread ends outside, by the same instruction. A
 * debugger whose breakpoint that is may let it go on there, as if it had never
 * been in Dune.
 */
static void die(struct dune_thread *thread, struct dune_frame *frame,
		uint64_t mask)
{
	bool breakpoint = frame->vector == DUNE_VECTOR_BP &&
			  *(const uint8_t *)(frame->rip - 1) == INT3;

	dune_outside_bases(thread);
	if (breakpoint) {
		frame->rip--;
		if (thread->pending)
			dune_hold_back(thread);
	} else {
		/* one instruction only, should it not fault any more */
		frame->rflags |= EFLAGS_TF;
		mask = ~0ULL;
	}
	dune_resume_outside(thread, frame, mask);
}

/* Could the kernel's answer be one that the program handles? */
static bool handles_memory(const struct dune_thread *thread,
			   const struct dune_frame *frame, uint64_t mask)
{
	return dune_would_handle(thread, frame, SIGSEGV, mask) ||
	       dune_would_handle(thread, frame, SIGBUS, mask);
}

/* What is behind a fault; the guest's tables forbid what they have. */
static enum dune_fill look_into(struct dune_thread *thread,
				struct dune_frame *frame, uint64_t cr2)
{
	enum dune_fill fault = DUNE_FILL_PROGRAM;

	if (!(frame->error_code & DUNE_FAULT_PRESENT))
		fault = dune_fill_fault(thread, cr2);
	if (fault == DUNE_FILL_AGAIN)
		dune_rseq_abort(thread, (__u64 *)&frame->rip);
	return fault;
}

/**
 * dune_is_gone() - is a page fault over before the program sees it
 * @thread: whose it is; this is its host's side
 * @frame: what was interrupted
 * @cr2: the address
 *
 * Return: whether the instruction is only to be tried again.
 */
bool dune_is_gone(struct dune_thread *thread, struct dune_frame *frame,
		  uint64_t cr2)
{
	enum dune_fill fault = look_into(thread, frame, cr2);

	if (fault != DUNE_FILL_KERNEL)
		return fault == DUNE_FILL_AGAIN;
	/* what can be read may still not be executed */
	return !(frame->error_code & DUNE_FAULT_FETCH) &&
	       (frame->error_code & DUNE_FAULT_WRITE ? dune_is_writable(cr2) :
					       dune_is_readable(cr2 & -32, 32));
}

/* As they would be in ring 3: the kernel's half, or other rights. */
static void show_rights(struct dune_frame *frame, uint64_t cr2,
			const siginfo_t *info)
{
	bool other = info->si_signo == SIGSEGV && info->si_code == SEGV_ACCERR;

	if (frame->vector != DUNE_VECTOR_PF)
		return;
	frame->error_code |= DUNE_FAULT_USER | (cr2 >> 63 || other ? DUNE_FAULT_PRESENT : 0);
}

/* The guest had an exception that it does not handle itself. */
void dune_exception(struct dune_thread *thread, struct dune_frame *frame,
		    uint64_t cr2)
{
	enum dune_fill fault = DUNE_FILL_PROGRAM;
	bool page_fault = frame->vector == DUNE_VECTOR_PF;
	siginfo_t info;
	uint64_t mask;

	/* came upon what is not there */
	if (dune_is_copy(frame)) {
		if (!page_fault || !dune_is_gone(thread, frame, cr2))
			frame->rip = (uint64_t)dune_copy_failed;
		return;
	}
	if (page_fault)
		fault = look_into(thread, frame, cr2);
	if (fault == DUNE_FILL_AGAIN)
		return;
	mask = dune_hold_signals(thread);
	describe_fault(frame, cr2, &info);
	if (page_fault && ((fault == DUNE_FILL_PROGRAM &&
			    !(frame->error_code & DUNE_FAULT_PRESENT)) ||
			   cr2 >> 47))
		info.si_code = SEGV_MAPERR;
	/* to touch the kernel's half is to have that told in its log, perhaps */
	if (fault == DUNE_FILL_KERNEL && !(cr2 >> 47) &&
	    handles_memory(thread, frame, mask) &&
	    !ask_kernel(frame, cr2, &info)) {
		dune_release_signals(thread, mask);
		return;
	}
	if (dune_would_handle(thread, frame, info.si_signo, mask)) {
		show_rights(frame, cr2, &info);
		dune_deliver_fault(thread, frame, &info, mask, cr2);
		return;
	}
	/* outside there may be no fault at all, or what ring 3 may not do */
	if (frame->cs & 3 || (page_fault && fault == DUNE_FILL_PROGRAM &&
			      !(cr2 >> 47)))
		dune_end_by(info.si_signo);
	die(thread, frame, mask);
}
