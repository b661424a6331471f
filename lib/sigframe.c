// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The frame of a signal on the program's stack, byte for byte as the kernel
 * makes it, for handlers that read and change it.
 *
 * All of this runs on the host's side of a thread. The floating-point
 * registers are there what they are in the guest.
 */
#include "internal.h"

#include <cpuid.h>

/* What the kernel's handlers begin with: key 0 only. */
#define PKRU_DEFAULT	0x55555554

#define XSAVE_HEADER	512
#define XSAVE_MINIMUM	576

/* Of the header, from its beginning (Intel SDM, "Operation of XRSTOR"). */
#define XSAVE_CHECKED	24

/* Tiles have to be asked for, and then are too large for frames as these. */
#define XFEATURES_NEVER	(1U << 18)
#define XFEATURE_PKRU	(1U << 9)

/* uc_flags; and in reserved1, which the kernel leaves zero, our own. */
#define UC_FP_XSTATE		1
#define UC_SIGCONTEXT_SS	2
#define UC_STRICT_RESTORE_SS	4
#define INTERRUPTS_OFF		1
#define IN_RING3		2

/* The kernel's struct ucontext, which has a shorter mask than the C library's. */
struct context {
	unsigned long flags;
	struct context *link;
	stack_t stack;
	struct sigcontext mcontext;
	uint64_t mask;
};

struct signal_frame {
	uint64_t restorer;
	struct context context;
	siginfo_t info;
};

/* What it says of the extended state, in bytes it has free for that. */
#define SOFTWARE_BYTES		464

struct dune_fpu dune_fpu;

/** dune_frame_init() - find out how much extended state there is, once */
void dune_frame_init(void)
{
	unsigned int eax, ebx, ecx, edx, i;

	__cpuid(1, eax, ebx, ecx, edx);
	dune_fpu.size = XSAVE_HEADER;
	dune_fpu.xsave = ecx & bit_OSXSAVE;
	if (!dune_fpu.xsave)
		return;
	asm volatile("xgetbv" : "=a" (dune_fpu.low), "=d" (dune_fpu.high)
		     : "c" (0));
	dune_fpu.low &= ~XFEATURES_NEVER;
	dune_fpu.size = XSAVE_MINIMUM;
	for (i = 2; i < 63; i++) {
		if (!(dune_fpu.features >> i & 1))
			continue;
		__cpuid_count(0xd, i, eax, ebx, ecx, edx);
		if (eax + ebx > dune_fpu.size)
			dune_fpu.size = eax + ebx;
	}
}

/* Keeps floating-point and vector registers in an area aligned to 64 bytes. */
void dune_save_state(char *area)
{
	if (!dune_fpu.xsave) {
		asm volatile("fxsave64 (%0)" : : "r" (area) : "memory");
		return;
	}
	/* what XSAVE does not write, and XRSTOR looks at */
	memset(area + XSAVE_HEADER, 0, XSAVE_CHECKED);
	asm volatile("xsave64 (%0)" : : "r" (area), "a" (dune_fpu.low),
		     "d" (dune_fpu.high) : "memory");
}

/* With what a handler looks for that wants to know how much there is. */
static void save_fpu(char *area)
{
	struct _fpx_sw_bytes *software =
		(struct _fpx_sw_bytes *)(area + SOFTWARE_BYTES);

	if (dune_fpu.xsave)
		memset(area + XSAVE_HEADER, 0, XSAVE_MINIMUM - XSAVE_HEADER);
	dune_save_state(area);
	if (!dune_fpu.xsave)
		return;
	memset(software, 0, sizeof(*software));
	software->magic1 = FP_XSTATE_MAGIC1;
	software->extended_size = dune_fpu.size + FP_XSTATE_MAGIC2_SIZE;
	software->xstate_bv = dune_fpu.features;
	software->xstate_size = dune_fpu.size;
	*(uint32_t *)(area + dune_fpu.size) = FP_XSTATE_MAGIC2;
}

/* As a new process has them. */
static void reset_state(void)
{
	static const struct {
		uint16_t control, status, tag, opcode;
		uint64_t rip, rdp;
		uint32_t mxcsr, mxcsr_mask;
		char rest[XSAVE_MINIMUM - 32];
	} initial __attribute__((aligned(64))) = {
		.control = 0x37f, .mxcsr = 0x1f80,
	};

	dune_load_state((const char *)&initial);
	if (dune_fpu.low & XFEATURE_PKRU)
		asm volatile("wrpkru" : : "a" (PKRU_DEFAULT), "c" (0), "d" (0));
}

/* Keeps them, and goes on with those of a new process. */
void dune_begin_state(char *area)
{
	dune_save_state(area);
	reset_state();
}

static void restore_fpu(const char *area)
{
	const struct _fpx_sw_bytes *software =
		(const struct _fpx_sw_bytes *)(area + SOFTWARE_BYTES);

	if (!area)
		reset_state();
	else if (software->magic1 == FP_XSTATE_MAGIC1 &&
		 software->xstate_size == dune_fpu.size)
		dune_load_state(area);
	else
		asm volatile("fxrstor64 (%0)" : : "r" (area) : "memory");
}

/*
 * In the few instructions behind SYSCALL the program finds itself at what it
 * called: before the call, with its number in rax, or behind it.
 */
static void leave_syscall_entry(const struct dune_thread *thread,
				struct dune_frame *frame)
{
	uint64_t offset = frame->rip - (uint64_t)thread->syscall_entry;

	if (offset >= PAGE_SIZE)
		return;
	/* SYSCALL has two bytes */
	frame->rip = frame->rcx - (offset > DUNE_DIRECT ? 0 : 2);
}

static void fill_registers(struct sigcontext *context,
			   const struct dune_frame *frame)
{
	*context = (struct sigcontext) {
		.r8 = frame->r8, .r9 = frame->r9, .r10 = frame->r10,
		.r11 = frame->r11, .r12 = frame->r12, .r13 = frame->r13,
		.r14 = frame->r14, .r15 = frame->r15, .rdi = frame->rdi,
		.rsi = frame->rsi, .rbp = frame->rbp, .rbx = frame->rbx,
		.rdx = frame->rdx, .rax = frame->rax, .rcx = frame->rcx,
		.rsp = frame->rsp, .rip = frame->rip,
		.eflags = frame->rflags | EFLAGS_IF,
		/* what a program expects, which is in ring 3 as it knows */
		.cs = RING3_CODE, .__pad0 = RING3_DATA,
		.__reserved1[0] = frame->rflags & EFLAGS_IF ? 0 :
							      INTERRUPTS_OFF,
	};
}

static unsigned long context_flags(void)
{
	return UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
	       (dune_fpu.xsave ? UC_FP_XSTATE : 0);
}

/* Would it be below the end of the signal stack that is, or will be, in use? */
static bool overflows(const stack_t *stack, uint64_t interrupted, uint64_t top,
		      const void *place)
{
	bool nested = dune_is_on(stack, interrupted) &&
		      !(stack->ss_flags & (int)SS_AUTODISARM);
	bool entering = top == (uint64_t)stack->ss_sp + stack->ss_size;

	return (nested || entering) && !dune_is_on(stack, (uint64_t)place);
}

/* Below what ring 0 has there, for a handler of its own, whatever was asked. */
static uint64_t ring0_stack(const struct dune_thread *thread, stack_t *stack)
{
	*stack = (stack_t){ .ss_flags = SS_DISABLE };
	return thread->ring3.rsp - RED_ZONE;
}

static uint64_t stack_for(struct dune_thread *thread,
			  const struct dune_frame *frame,
			  const struct dune_action *action, bool of_user,
			  stack_t *stack)
{
	stack_t *now = of_user ? &thread->user_stack : &thread->stack;
	uint64_t base, sp = frame->rsp - RED_ZONE;

	if (!of_user && dune_is_user(thread, frame))
		return ring0_stack(thread, stack);
	*stack = *now;
	base = (uint64_t)stack->ss_sp;
	if (!(action->flags & SA_ONSTACK) || stack->ss_flags & SS_DISABLE ||
	    dune_is_on(stack, frame->rsp))
		base = 0;
	if (stack->ss_flags & (int)SS_AUTODISARM)
		*now = (stack_t){ .ss_flags = SS_DISABLE };
	return base ? base + stack->ss_size : sp;
}

/* A handler of ring 3 is not to have its frame where ring 3 may not write. */
static bool may_write(const struct dune_thread *thread, bool of_user,
		      const void *place, uint64_t end)
{
	uint64_t start = (uint64_t)place;

	return !of_user || dune_shows_user(thread->root, start, end - start,
					   DUNE_PTE_USER | DUNE_PTE_WRITE);
}

/**
 * dune_build_frame() - make a handler be called
 * @thread: whose it is
 * @frame: what was interrupted; then where the handler begins
 * @info: of the signal
 * @action: of the program for it
 * @of_user: the handler is ring 3's, which was interrupted
 * @mask: signals that were blocked
 * @cr2: address of the fault, or 0
 *
 * Return: whether there was room for it.
 */
bool dune_build_frame(struct dune_thread *thread, struct dune_frame *frame,
		      const siginfo_t *info, const struct dune_action *action,
		      bool of_user, uint64_t mask, uint64_t cr2)
{
	struct signal_frame *place;
	stack_t stack;
	uint64_t sp;
	char *state;

	leave_syscall_entry(thread, frame);
	sp = stack_for(thread, frame, action, of_user, &stack);
	state = (char *)((sp - dune_fpu.size - FP_XSTATE_MAGIC2_SIZE) & ~63UL);
	/* aligned as if it had been called */
	place = (void *)((((uint64_t)state - sizeof(*place)) & ~15UL) - 8);
	if (overflows(&stack, frame->rsp, sp, place) ||
	    !may_write(thread, of_user, place, sp))
		return false;
	memset(place, 0, sizeof(*place));
	save_fpu(state);
	place->restorer = action->restorer;
	place->context.flags = context_flags();
	place->context.stack = stack;
	fill_registers(&place->context.mcontext, frame);
	if (!of_user && dune_is_user(thread, frame)) {
		place->context.mcontext.__reserved1[0] |= IN_RING3;
		frame->cs = RING0_CODE;
		frame->ss = RING0_DATA;
	}
	place->context.mcontext.fpstate = (void *)state;
	place->context.mcontext.err = frame->error_code;
	place->context.mcontext.trapno = frame->vector;
	place->context.mcontext.oldmask = mask;
	place->context.mcontext.cr2 = cr2;
	place->context.mask = mask;
	place->info = *info;

	frame->rip = action->handler;
	frame->rsp = (uint64_t)place;
	frame->rdi = info->si_signo;
	frame->rsi = (uint64_t)&place->info;
	frame->rdx = (uint64_t)&place->context;
	frame->rax = 0;
	frame->rflags &= ~(EFLAGS_TF | EFLAGS_DF | EFLAGS_RF);
	reset_state();
	return true;
}

/* The registers that a frame has. */
static void read_registers(struct dune_frame *frame,
			   const struct sigcontext *from)
{
	*frame = (struct dune_frame) {
		.rax = from->rax, .rcx = from->rcx, .rdx = from->rdx,
		.rbx = from->rbx, .rsp = from->rsp, .rbp = from->rbp,
		.rsi = from->rsi, .rdi = from->rdi, .r8 = from->r8,
		.r9 = from->r9, .r10 = from->r10, .r11 = from->r11,
		.r12 = from->r12, .r13 = from->r13, .r14 = from->r14,
		.r15 = from->r15, .rip = from->rip,
		.rflags = (from->eflags & EFLAGS_USER) | 2,
		.cs = RING3_CODE, .ss = RING3_DATA,
	};
}

/* The same for a virtual CPU, but for segments. */
struct dune_regs dune_registers_of(const struct dune_frame *frame)
{
	return (struct dune_regs) {
		.rax = frame->rax, .rcx = frame->rcx, .rdx = frame->rdx,
		.rbx = frame->rbx, .rsp = frame->rsp, .rbp = frame->rbp,
		.rsi = frame->rsi, .rdi = frame->rdi, .r8 = frame->r8,
		.r9 = frame->r9, .r10 = frame->r10, .r11 = frame->r11,
		.r12 = frame->r12, .r13 = frame->r13, .r14 = frame->r14,
		.r15 = frame->r15, .rip = frame->rip, .rflags = frame->rflags,
	};
}

/**
 * dune_put_frame() - have a thread go on in the guest with a frame of ring 3
 * @regs: of its virtual CPU
 * @end: of the stack in ring 0 that it has there
 * @frame: the frame
 */
void dune_put_frame(struct dune_regs *regs, uint64_t end,
		    const struct dune_frame *frame)
{
	struct dune_frame *place = (struct dune_frame *)end - 1;

	*place = *frame;
	*regs = (struct dune_regs) {
		.rip = (uint64_t)dune_resume_frame,
		.rsp = (uint64_t)place,
		/* no signal before it is in ring 3 */
		.rflags = 2,
	};
}

/**
 * dune_restore_frame() - go back to what a handler in ring 0 interrupted
 * @thread: whose it is
 * @regs: of the guest, which calls rt_sigreturn(); then what the frame says
 *
 * Return: the mask that the frame has.
 */
uint64_t dune_restore_frame(struct dune_thread *thread, struct dune_regs *regs)
{
	const struct context *context = (void *)regs->rsp;
	uint64_t own = context->mcontext.__reserved1[0];
	uint64_t mask = context->mask;
	stack_t stack = context->stack;
	struct dune_frame frame;

	restore_fpu((const char *)context->mcontext.fpstate);
	read_registers(&frame, &context->mcontext);
	if (own & IN_RING3 && thread->ring3.rsp) {
		dune_put_frame(regs, thread->ring3.rsp, &frame);
		return mask;
	}
	*regs = dune_registers_of(&frame);
	if (dune_canonical(regs->rip) != regs->rip)
		regs->rip = (uint64_t)dune_bad_return;
	if (!(own & INTERRUPTS_OFF))
		regs->rflags |= EFLAGS_IF;
	stack.ss_flags &= ~SS_ONSTACK;
	thread->stack = stack;
	return mask;
}

/*
 * Does the frame say nothing of memory that ring 3 does not have? Another thread
 * may be writing to it: what was looked at is what is used.
 */
static bool is_users(const struct dune_thread *thread,
		     const struct context *context, const char **area)
{
	uint64_t state;

	if (!dune_shows_user(thread->root, (uint64_t)context, sizeof(*context),
			     DUNE_PTE_USER))
		return false;
	*area = (const char *)__atomic_load_n(&context->mcontext.fpstate,
					      __ATOMIC_RELAXED);
	state = (uint64_t)*area;
	return !state || (!(state & 63) &&
			  dune_shows_user(thread->root, state,
					  dune_fpu.size + FP_XSTATE_MAGIC2_SIZE,
					  DUNE_PTE_USER));
}

/**
 * dune_restore_user() - go back to what a handler in ring 3 interrupted
 * @thread: whose it is
 * @frame: of ring 3, which calls rt_sigreturn(); then what its frame says
 * @mask: set to the mask in that frame
 *
 * Return: whether it was one.
 */
bool dune_restore_user(struct dune_thread *thread, struct dune_frame *frame,
		       uint64_t *mask)
{
	const struct context *context = (void *)frame->rsp;

	const char *area;

	if (!is_users(thread, context, &area))
		return false;
	restore_fpu(area);
	/* what the handler of its system call gives back to it */
	if (thread->ring3.state)
		dune_save_state(thread->ring3.state);
	*mask = context->mask;
	thread->user_stack = context->stack;
	thread->user_stack.ss_flags &= ~SS_ONSTACK;
	read_registers(frame, &context->mcontext);
	return true;
}

/**
 * dune_resume_outside() - go on as a program that is not in Dune
 * @thread: whose it was
 * @frame: where, and with which registers
 * @mask: signals that are blocked then
 *
 * By the kernel's own way back from a handler, so that no signal comes between
 * the mask and the rest.
 */
void dune_resume_outside(const struct dune_thread *thread,
			 const struct dune_frame *frame, uint64_t mask)
{
	char *area = __builtin_alloca(dune_fpu.size + FP_XSTATE_MAGIC2_SIZE + 64);
	char *state = (char *)(((uint64_t)area + 63) & ~63UL);
	struct context context = {
		.flags = context_flags(),
		.stack = thread->stack,
		.mask = mask,
	};

	save_fpu(state);
	fill_registers(&context.mcontext, frame);
	context.mcontext.fpstate = (void *)state;
	dune_return_outside(&context);
}
