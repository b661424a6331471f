// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ring 3. Its system calls and exceptions go to ring 0 on the stack on which
 * dune_run_user() was called, below what that has there.
 *
 * While a thread is in ring 3 SYSCALL leads elsewhere (see thread.c) and FS has
 * another base; enter_ring0() and enter_ring3() are the only ones to change that.
 */
#include "internal.h"

#include <errno.h>

/* What ring 3 has in RFLAGS: it always has interrupts. */
#define ALWAYS_SET	(EFLAGS_IF | 2)

#define MSR_FS_BASE	0xc0000100
#define EFLAGS_AC	(1UL << 18)

static uint64_t syscall_handler;

/* In the guest there are instructions for the base of FS. */
bool dune_has_fsgsbase;

static uint64_t read_fs(void)
{
	uint32_t low, high;
	uint64_t base;

	if (dune_has_fsgsbase) {
		asm volatile("rdfsbase %0" : "=r" (base));
		return base;
	}
	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (MSR_FS_BASE));
	return (uint64_t)high << 32 | low;
}

static void write_fs(uint64_t base)
{
	if (dune_has_fsgsbase)
		asm volatile("wrfsbase %0" : : "r" (base));
	else
		asm volatile("wrmsr" : : "a" ((uint32_t)base),
			     "d" ((uint32_t)(base >> 32)), "c" (MSR_FS_BASE));
}

static void enter_ring0(struct dune_thread *thread)
{
	thread->syscall_target = thread->syscall_entry + DUNE_DIRECT;
	thread->ring3.fs = read_fs();
	write_fs(thread->ring0_fs);
}

static void enter_ring3(struct dune_thread *thread)
{
	thread->ring0_fs = read_fs();
	write_fs(thread->ring3.fs);
	thread->syscall_target = thread->own_entry + DUNE_USER_PATH;
}

/* Is this where SYSCALL of ring 3 comes to, and nothing is lost yet? */
static bool is_in_user_entry(uint64_t rip)
{
	return rip - (uint64_t)dune_user_entry <
	       (uint64_t)(dune_user_entry_end - dune_user_entry);
}

/*
 * In what SYSCALL of ring 3 calls? If so it is ring 3 that was interrupted,
 * before its SYSCALL.
 */
static bool leave_user_entry(const struct dune_thread *thread,
			     struct dune_frame *frame)
{
	uint64_t offset = frame->rip - (uint64_t)thread->own_entry;

	if (offset >= DUNE_ENTRY_SIZE && !is_in_user_entry(frame->rip))
		return false;
	/* the first two of them still have its stack pointer */
	if (offset > DUNE_USER_PATH)
		frame->rsp = thread->user_rsp;
	frame->rip = frame->rcx - 2;
	frame->rflags = frame->r11;
	frame->cs = RING3_CODE;
	frame->ss = RING3_DATA;
	return true;
}

static bool is_step_in_entry(const struct dune_thread *thread,
			     const struct dune_frame *frame)
{
	return frame->vector == DUNE_VECTOR_DB && !(frame->cs & 3) &&
	       (frame->rip - (uint64_t)thread->syscall_entry < PAGE_SIZE ||
		is_in_user_entry(frame->rip));
}

/* dune_call_user() has its function return here, where ring 3 cannot be. */
static bool is_end_of_call(const struct dune_thread *thread,
			   const struct dune_frame *frame)
{
	return thread->ring3.returns && frame->vector == DUNE_VECTOR_PF &&
	       frame->rip == (uint64_t)dune_user_entry;
}

/**
 * dune_user_trap() - a trap has begun
 * @thread: whose it is
 * @frame: what was interrupted
 *
 * Return: whether that is all: a step within what SYSCALL calls is nobody's.
 */
bool dune_user_trap(struct dune_thread *thread, struct dune_frame *frame)
{
	bool in_ring3 = dune_was_in_ring3(thread);

	if (is_step_in_entry(thread, frame)) {
		/* ring 3 gets its flags back from r11 */
		if (in_ring3)
			frame->rflags &= ~EFLAGS_TF;
		return true;
	}
	if (!in_ring3 ||
	    (!(frame->cs & 3) && !leave_user_entry(thread, frame)))
		return false;
	enter_ring0(thread);
	if (is_end_of_call(thread, frame))
		dune_leave_user(frame, frame->rax);
	return false;
}

/* Nothing that ring 3 may not have, and nothing that IRET refuses. */
static void make_safe(struct dune_frame *frame)
{
	frame->cs = RING3_CODE;
	frame->ss = RING3_DATA;
	frame->rflags = (frame->rflags & EFLAGS_USER) | ALWAYS_SET;
	/* no address: a fault in ring 3 */
	if (frame->rip >> 47)
		frame->rip = (uint64_t)dune_bad_return;
}

/**
 * dune_return_to_user() - a trap or system call of ring 3 ends
 * @thread: whose it is
 * @frame: where it goes on
 */
inline void dune_return_to_user(struct dune_thread *thread,
				struct dune_frame *frame)
{
	make_safe(frame);
	/* one that came for ring 3 while the thread was in ring 0 */
	if (thread->deferred) {
		CALL1(DUNE_CALL_SIGNAL, frame);
		if (!dune_is_user(thread, frame))
			return;
	}
	enter_ring3(thread);
}

/* For a thread that begins, or goes on, in the guest with a frame. */
void dune_user_resume(struct dune_frame *frame)
{
	dune_user_return(dune_self(), frame);
}

static void call_saved(struct dune_thread *thread, dune_syscall_handler handler,
		       struct dune_frame *frame)
{
	char *area = DUNE_STATE_AREA();

	dune_begin_state(area);
	thread->ring3.state = area;
	handler(frame);
	dune_load_state(area);
}

/**
 * dune_user_syscall() - called for a SYSCALL of ring 3
 * @thread: whose it is
 * @frame: of ring 3
 *
 * Return: whether SYSRET will do to go back.
 */
bool dune_user_syscall(struct dune_thread *thread, struct dune_frame *frame)
{
	uint64_t handler = __atomic_load_n(&syscall_handler, __ATOMIC_ACQUIRE);
	void *function = (void *)(handler & ~DUNE_INTEGER);

	enter_ring0(thread);
	thread->ring3.state = NULL;
	if (!handler)
		dune_forward(frame);
	else if (handler & DUNE_INTEGER)
		((dune_syscall_handler)function)(frame);
	else
		call_saved(thread, function, frame);
	dune_user_return(thread, frame);
	return frame->cs == RING3_CODE && frame->rcx == frame->rip &&
	       frame->r11 == frame->rflags &&
	       !(frame->rflags & (EFLAGS_TF | EFLAGS_RF));
}

int dune_set_syscall_handler(dune_syscall_handler handler, unsigned int flags)
{
	return dune_set_handler(&syscall_handler, handler, flags);
}

static void begin(struct dune_thread *thread, struct dune_user *user,
		  bool returns)
{
	thread->ring3 = (struct dune_ring3) {
		/* to be replaced at once, but not 0: it is ring 3 */
		.rsp = (uint64_t)user,
		.fs = user->fs_base,
		.user = user,
		.returns = returns,
	};
}

static void end(struct dune_thread *thread, const struct dune_ring3 *outer)
{
	thread->ring3.user->fs_base = thread->ring3.fs;
	thread->ring3 = *outer;
	/* not for ring 3 any more */
	if (thread->deferred && !thread->ring3.rsp) {
		struct dune_frame none = { .cs = RING0_CODE };

		CALL1(DUNE_CALL_SIGNAL, &none);
	}
}

/*
 * Vector registers of ring 0 are not for ring 3, nor the other way round.
 * @returns: when it returns to where dune_call_user() has it return.
 */
static long run(struct dune_user *user, bool returns)
{
	struct dune_thread *thread = dune_self();
	char *area = DUNE_STATE_AREA();
	struct dune_ring3 outer;
	uint64_t flags;

	if (!thread)
		return -EPERM;
	if (user->frame.rip >> 47 || user->fs_base >> 47)
		return -EINVAL;
	flags = dune_mask_interrupts();
	outer = thread->ring3;
	begin(thread, user, returns);
	dune_begin_state(area);
	user->frame.cs = RING3_CODE;
	dune_user_return(thread, &user->frame);
	dune_enter_user(thread, &user->frame);
	dune_load_state(area);
	end(thread, &outer);
	dune_restore_interrupts(flags);
	return user->result;
}

long dune_run_user(struct dune_user *user)
{
	return run(user, false);
}

void dune_leave_user(const struct dune_frame *frame, long result)
{
	struct dune_thread *thread = dune_self();

	thread->ring3.user->frame = *frame;
	thread->ring3.user->result = result;
	dune_exit_user(thread->ring3.rsp);
}

/* Writes the return address, which SMAP would keep from ring 0. */
static int put_on_stack(uint64_t place, uint64_t value)
{
	uint64_t flags;
	int err;

	asm volatile("pushfq; pop %0" : "=r" (flags));
	asm volatile("push %0; popfq" : : "r" (flags | EFLAGS_AC) : "cc");
	err = dune_copy((void *)place, &value, sizeof(value));
	asm volatile("push %0; popfq" : : "r" (flags) : "cc", "memory");
	return err;
}

long dune_call_user(long (*function)(void *argument), void *argument,
		    void *stack, size_t size)
{
	uint64_t top = (((uint64_t)stack + size) & ~15UL) - sizeof(uint64_t);
	struct dune_user user = { .frame = {
		.rip = (uint64_t)function,
		.rdi = (uint64_t)argument,
		.rsp = top,
	} };
	int err;

	if (!dune_self())
		return -EPERM;
	if (size < 256)
		return -EINVAL;
	err = put_on_stack(top, (uint64_t)dune_user_entry);
	if (err)
		return err;
	user.fs_base = read_fs();
	return run(&user, true);
}
