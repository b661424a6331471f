// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads and processes that a thread in Dune makes; children made outside. */
#include "internal.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/syscall.h>

/**
 * struct birth - a call that makes a thread or a process
 * @nr: SYS_clone or SYS_clone3
 * @flags: CLONE_*, with the signal in the low byte if it is SYS_clone
 * @stack: end of the new stack, or 0
 * @tls: with CLONE_SETTLS
 * @parent_tid: for SYS_clone
 * @child_tid: for SYS_clone
 * @args: for SYS_clone3; longer ones are the kernel's to refuse
 * @size: of what the program gave
 * @user: registers of ring 3 that makes it, or NULL
 */
struct birth {
	long nr;
	uint64_t flags, stack, tls;
	long parent_tid, child_tid;
	struct clone_args args;
	uint64_t size;
	struct dune_frame *user;
};

static long read_birth(struct birth *birth, const struct dune_regs *regs)
{
	birth->nr = SYS_clone;
	switch (regs->rax) {
	case SYS_fork:
		birth->flags = SIGCHLD;
		return 0;
	case SYS_vfork:
		birth->flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
		return 0;
	case SYS_clone:
		birth->flags = regs->rdi;
		birth->stack = regs->rsi;
		birth->parent_tid = regs->rdx;
		birth->child_tid = regs->r10;
		birth->tls = regs->r8;
		return 0;
	}
	birth->nr = SYS_clone3;
	birth->size = regs->rsi;
	if (birth->size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (birth->size > sizeof(birth->args))
		return -E2BIG;
	if (!dune_is_readable(regs->rdi, birth->size))
		return -EFAULT;
	memcpy(&birth->args, (void *)regs->rdi, birth->size);
	birth->flags = birth->args.flags;
	birth->tls = birth->args.tls;
	if (birth->args.stack)
		birth->stack = birth->args.stack + birth->args.stack_size;
	return 0;
}

static long make_birth(struct birth *birth, struct dune_thread *child)
{
	char *stack = child ? (char *)child + DUNE_SIGNAL_STACK : NULL;

	if (birth->nr == SYS_clone)
		return dune_raw_clone(SYS_clone, birth->flags,
				      child ? (long)child->host_stack : 0,
				      birth->parent_tid, birth->child_tid,
				      birth->tls, child);
	birth->args.stack = (uint64_t)stack;
	birth->args.stack_size = child ? (char *)child->host_stack - stack : 0;
	return dune_raw_clone(SYS_clone3, (long)&birth->args, birth->size, 0, 0,
			      0, child);
}

/* What is another in the child of ring 3. */
static void set_user_child(struct dune_thread *thread, struct dune_frame *frame,
			   const struct birth *birth)
{
	frame->rax = 0;
	if (birth->stack)
		frame->rsp = birth->stack;
	if (birth->flags & CLONE_SETTLS)
		thread->ring3.fs = birth->tls;
}

/*
 * Where its parent has called it, with a stack of its own in ring 0: that for
 * handlers of exceptions.
 */
static void begin_in_ring3(struct dune_thread *child,
			   const struct dune_thread *parent,
			   const struct birth *birth)
{
	uint64_t end = (uint64_t)child->handler_stack - 16;
	struct dune_frame frame = *birth->user;

	child->ring3.fs = parent->ring3.fs;
	child->ring3.rsp = end;
	*(struct dune_thread **)end = child;
	set_user_child(child, &frame, birth);
	dune_put_frame(&child->run->regs, end, &frame);
}

/* The child begins where its parent is, but on its own stack, with 0. */
static long prepare_child(struct dune_thread *child, struct dune_thread *parent,
			  const struct birth *birth)
{
	struct dune_state state;
	long err = CALL3(SYS_ioctl, parent->vcpu, DUNE_GET_STATE, &state);

	if (err)
		return err;
	dune_trap_set_up(child, &state);
	/* the guest's side of it must not fault on its own stack */
	child->root = parent->root;
	err = dune_thread_show(parent->vcpu, child);
	if (err)
		return err;
	if (birth->user) {
		begin_in_ring3(child, parent, birth);
	} else {
		if (birth->flags & CLONE_SETTLS)
			state.fs.base = birth->tls;
		child->run->regs = parent->run->regs;
		child->run->regs.rax = 0;
		if (birth->stack)
			child->run->regs.rsp = birth->stack;
	}
	child->sighand = dune_sighand_get(parent->sighand,
					  birth->flags & CLONE_SIGHAND);
	if (!child->sighand)
		return -ENOMEM;
	if (birth->flags & CLONE_CLEAR_SIGHAND)
		child->sighand->installed = 0;
	return CALL3(SYS_ioctl, child->vcpu, DUNE_SET_STATE, &state);
}

/* With the same memory: a thread, or a process until it calls exec(). */
static long clone_thread(struct dune_thread *parent, struct birth *birth,
			 uint64_t mask)
{
	struct dune_thread *child;
	int vcpu;
	long ret;

	/* as the kernel has it when it finds no room */
	if (dune_thread_create(&child))
		return -EAGAIN;
	child->mask = mask;
	child->borrowed = birth->flags & CLONE_VFORK;
	if (child->borrowed) {
		child->stack = parent->stack;
		child->user_stack = parent->user_stack;
	}
	vcpu = child->vcpu;
	ret = prepare_child(child, parent, birth);
	if (!ret)
		ret = make_birth(birth, child);
	if (ret < 0 || (birth->flags & CLONE_VFORK))
		dune_thread_destroy(child);
	else if (!(birth->flags & CLONE_FILES))
		/* the child has one of its own, and may be gone by now */
		CALL1(SYS_close, vcpu);
	return ret;
}

/* The child of a fork makes its own of everything that is not memory. */
static void become_process(struct dune_thread *thread,
			   const struct dune_run *run,
			   const struct dune_state *state)
{
	dune_thread_forget(thread);
	/* signals that wait are the parent's */
	thread->pending = false;
	thread->signalled = false;
	thread->dispatch.on = false;
	dune_thread_join(thread, run, state);
}

static long clone_process(struct dune_thread *thread, struct birth *birth)
{
	struct dune_run run = { .regs = thread->run->regs };
	struct dune_state state;
	long ret = CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, &state);

	if (ret)
		return ret;
	if (birth->flags & CLONE_SETTLS && !birth->user)
		state.fs.base = birth->tls;
	if (birth->stack && !birth->user)
		run.regs.rsp = birth->stack;
	dune_lock_all();
	ret = make_birth(birth, NULL);
	dune_unlock_all();
	if (!ret && birth->flags & CLONE_CLEAR_SIGHAND)
		thread->sighand->installed = 0;
	if (!ret && birth->user)
		set_user_child(thread, birth->user, birth);
	if (!ret)
		become_process(thread, &run, &state);
	return ret;
}

/*
 * The guest calls fork(), vfork(), clone() or clone3(); or ring 3 does, with
 * @user.
 */
long dune_clone(struct dune_thread *thread, const struct dune_regs *regs,
		struct dune_frame *user)
{
	struct birth birth = {};
	long ret = read_birth(&birth, regs);
	uint64_t mask;

	if (ret)
		return ret;
	/* in what dune_walk() calls */
	if (thread->has_tables)
		return -EDEADLK;
	birth.user = user;
	mask = dune_hold_signals(thread);
	if (birth.flags & CLONE_VM)
		ret = clone_thread(thread, &birth, mask);
	else
		ret = clone_process(thread, &birth);
	dune_release_signals(thread, mask);
	return ret;
}

void dune_child_loop(struct dune_thread *thread)
{
	dune_set_mask(thread->mask);
	/* it returns if the guest could not be entered at all */
	dune_give_up(thread->run, dune_host_loop(thread));
}

/*
 * fork() is called outside of Dune, by the C library: what others do in there is
 * to be complete in the child. In Dune that is seen to when the call is made.
 */
static bool is_outside(void)
{
	return !dune_in_ring0() &&
	       !dune_thread_of(__builtin_frame_address(0));
}

static void before_fork(void)
{
	if (is_outside())
		dune_lock_all();
}

static void after_fork(void)
{
	if (is_outside())
		dune_unlock_all();
}

static void begin_child(void)
{
	if (!is_outside())
		return;
	dune_unlock_all();
	dune_thread_forget(NULL);
}

/**
 * dune_fork_init() - be told of fork() from now on
 *
 * Return: 0; -ENOMEM.
 */
int dune_fork_init(void)
{
	static bool told;

	told = told || !pthread_atfork(before_fork, after_fork, begin_child);
	return told ? 0 : -ENOMEM;
}
