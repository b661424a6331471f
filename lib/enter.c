// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune_init(), dune_enter(), and the host's side of a thread in Dune. */
#include "internal.h"

#include <asm/prctl.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static_assert(offsetof(struct dune_thread, run) == THREAD_RUN, "entry.S");
static_assert(offsetof(struct dune_thread, host_stack) == THREAD_HOST_STACK,
	      "entry.S");
static_assert(offsetof(struct dune_thread, signalled) == THREAD_SIGNALLED,
	      "entry.S");
static_assert(offsetof(struct dune_thread, syscall_entry) ==
	      THREAD_SYSCALL_ENTRY, "entry.S");
static_assert(sizeof(struct dune_thread) <= PAGE_SIZE, "its block");
static_assert(offsetof(struct dune_run, regs) == 0, "entry.S");
static_assert(offsetof(struct dune_regs, rcx) == REGS_RCX, "entry.S");
static_assert(offsetof(struct dune_regs, rdx) == REGS_RDX, "entry.S");
static_assert(offsetof(struct dune_regs, rbx) == REGS_RBX, "entry.S");
static_assert(offsetof(struct dune_regs, rsi) == REGS_RSI, "entry.S");
static_assert(offsetof(struct dune_regs, rdi) == REGS_RDI, "entry.S");
static_assert(offsetof(struct dune_regs, r8) == REGS_R8, "entry.S");
static_assert(offsetof(struct dune_regs, r10) == REGS_R10, "entry.S");
static_assert(DUNE_RUN == 0xd710 && SYS_ioctl == 16, "entry.S");
static_assert(offsetof(struct dune_regs, rsp) == REGS_RSP, "entry.S");
static_assert(offsetof(struct dune_regs, rbp) == REGS_RBP, "entry.S");
static_assert(offsetof(struct dune_regs, r12) == REGS_R12, "entry.S");
static_assert(offsetof(struct dune_regs, r15) == REGS_R15, "entry.S");
static_assert(offsetof(struct dune_regs, rip) == REGS_RIP, "entry.S");
static_assert(offsetof(struct dune_regs, rflags) == REGS_RFLAGS, "entry.S");

/* From <asm/prctl.h> of newer kernels. */
#ifndef ARCH_SHSTK_ENABLE
#define ARCH_SHSTK_ENABLE	0x5001
#endif

struct dune_info dune_module;
uint8_t *dune_syscall_entry;
int dune_device = -1;

static struct {
	bool ready;
	bool entered;
	void (*at_exit)(const struct dune_stats *stats);
} dune;

/*
 * What SYSCALL calls: the instruction that leaves the guest, which is the
 * CPU's own, and a jump back to where SYSCALL was executed. No stack is used;
 * with SFMASK zero the flags are as they were.
 */
static int make_syscall_entry(void)
{
	static const uint8_t jump_back[] = { 0xff, 0xe1 };	/* jmp *%rcx */
	uint8_t *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int len = dune_module.hypercall_len;

	if (page == MAP_FAILED)
		return -errno;
	memcpy(page, dune_module.hypercall, len);
	memcpy(page + len, jump_back, sizeof(jump_back));
	if (mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC))
		return -errno;
	dune_syscall_entry = page;
	return 0;
}

int dune_init(const struct dune_options *options)
{
	int err;

	(void)options;
	if (dune.ready)
		return 0;
	err = dune_query_info(&dune_module);
	if (err)
		return err;
	dune_device = open("/dev/dune", O_RDWR | O_CLOEXEC);
	if (dune_device < 0)
		return -errno;
	dune_device = dune_high_descriptor(dune_device);
	err = make_syscall_entry();
	if (err)
		close(dune_device);
	dune.ready = !err;
	return err;
}

/*
 * What the handler of the first fault needs must be there before it: a fault
 * in the handler would find its stack in use.
 */
static int map_ourselves(struct dune_thread *thread)
{
	int vcpu = thread->vcpu;
	int err = dune_map_range(vcpu, (uint64_t)__ehdr_start, (uint64_t)_end);

	if (!err)
		err = dune_map_range(vcpu, (uint64_t)dune_syscall_entry,
				     (uint64_t)dune_syscall_entry + PAGE_SIZE);
	if (!err)
		err = dune_map_range(vcpu, (uint64_t)thread,
				     (uint64_t)thread + DUNE_THREAD_SIZE);
	return err;
}

static int set_up_guest(struct dune_thread *thread)
{
	struct dune_state state;
	int err;

	if (ioctl(thread->vcpu, DUNE_GET_STATE, &state))
		return -errno;
	err = dune_map_init(thread->vcpu);
	if (err)
		return err;
	dune_trap_init();
	dune_trap_set_up(thread, &state);
	state.cr3 = dune_map_root();
	state.lstar = (uint64_t)dune_syscall_entry;
	state.sfmask = 0;
	/* thread-local storage stays where it is */
	if (syscall(SYS_arch_prctl, ARCH_GET_FS, &state.fs.base) ||
	    syscall(SYS_arch_prctl, ARCH_GET_GS, &state.gs.base))
		return -errno;
	err = map_ourselves(thread);
	if (err)
		return err;
	return ioctl(thread->vcpu, DUNE_SET_STATE, &state) ? -errno : 0;
}

int dune_enter(void)
{
	struct dune_thread *thread;
	int err;

	if (!dune.ready)
		return -EINVAL;
	if (dune.entered)
		return -EALREADY;
	err = dune_thread_create(&thread);
	if (err)
		return err;
	err = set_up_guest(thread);
	if (!err) {
		dune_signal_init(thread);
		dune_rseq_init(thread);
		dune.entered = true;
		err = dune_enter_guest(thread);
	}
	/* In the guest, if it worked. */
	if (err) {
		dune.entered = false;
		dune_rseq_undo(thread);
		dune_thread_destroy(thread);
	}
	return err;
}

int dune_get_stats(struct dune_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (!dune.entered)
		return -EINVAL;
	return CALL1(DUNE_CALL_STATS, stats);
}

int dune_flush_tlb(const void *address, uint64_t size)
{
	const struct dune_flush flush = {
		.address = (uint64_t)address,
		.size = size,
	};

	if (!dune.entered)
		return -EINVAL;
	return CALL1(DUNE_CALL_FLUSH, &flush);
}

void dune_at_exit(void (*function)(const struct dune_stats *stats))
{
	dune.at_exit = function;
}

/* The instruction behind the one that called the kernel, or libdune. */
uint64_t dune_caller(const struct dune_regs *regs)
{
	bool entry = regs->rip - (uint64_t)dune_syscall_entry < PAGE_SIZE;

	return entry ? regs->rcx : regs->rip;
}

/* What the guest has, not this side of it. */
static long prctl_base(struct dune_thread *thread, struct dune_regs *regs)
{
	struct dune_state state;
	__u64 *base = regs->rdi == ARCH_SET_FS || regs->rdi == ARCH_GET_FS ?
		      &state.fs.base : &state.gs.base;
	long ret;

	switch (regs->rdi) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		break;
	case ARCH_SET_CPUID:
		return -ENODEV;
	case ARCH_REQ_XCOMP_PERM:
	case ARCH_SHSTK_ENABLE:
		return -EOPNOTSUPP;
	default:
		return dune_forward_syscall(thread, regs);
	}
	/* the kernel looks at the address, and tells others of it */
	ret = dune_forward_syscall(thread, regs);
	if (ret)
		return ret;
	ret = CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATE, &state);
	if (ret)
		return ret;
	if (regs->rdi == ARCH_GET_FS || regs->rdi == ARCH_GET_GS) {
		*(uint64_t *)regs->rsi = *base;
		return 0;
	}
	*base = regs->rsi;
	return CALL3(SYS_ioctl, thread->vcpu, DUNE_SET_STATE, &state);
}

static void call_at_exit(const struct dune_thread *thread)
{
	struct dune_stats stats;

	memset(&stats, 0, sizeof(stats));
	if (dune.at_exit &&
	    !CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATS, &stats))
		dune.at_exit(&stats);
}

/* A call that only libdune makes, from the one place where it makes any. */
static bool is_own_call(const struct dune_regs *regs)
{
	return regs->rax >= DUNE_CALL_SIGNAL &&
	       dune_caller(regs) == (uint64_t)dune_raw_syscall_return;
}

static long own_call(struct dune_thread *thread, struct dune_regs *regs)
{
	switch (regs->rax) {
	case DUNE_CALL_SIGNAL:
		dune_deliver(thread, (struct dune_frame *)regs->rdi);
		return 0;
	case DUNE_CALL_EXCEPTION:
		dune_exception(thread, (struct dune_frame *)regs->rdi,
			       regs->rsi);
		return 0;
	case DUNE_CALL_STATS:
		return CALL3(SYS_ioctl, thread->vcpu, DUNE_GET_STATS,
			     regs->rdi);
	case DUNE_CALL_FLUSH:
		return CALL3(SYS_ioctl, thread->vcpu, DUNE_FLUSH, regs->rdi);
	default:
		return -ENOSYS;
	}
}

/*
 * What the kernel would do for this side of a thread only, or for the ring 3
 * in which the guest is not, is answered as where there is none of it.
 */
static long control(struct dune_thread *thread, struct dune_regs *regs)
{
	switch ((int)regs->rdi) {
	case PR_SET_SYSCALL_USER_DISPATCH:
		return dune_set_dispatch(thread, regs);
	case PR_SET_TSC:
		return -EINVAL;
	default:
		return dune_forward_syscall(thread, regs);
	}
}

/* Makes a call of the guest; some are about what libdune keeps for it. */
static long forward(struct dune_thread *thread, struct dune_regs *regs)
{
	/* the kernel looks at no more of it */
	regs->rax = (int)regs->rax;
	/* a signal that waits comes first */
	if (thread->signalled)
		return DUNE_RESTART;
	if (dune_dispatched(thread, regs))
		return DUNE_KEEP;
	switch (regs->rax) {
	case SYS_rt_sigreturn:
		/* changes all of them */
		dune_sigreturn(thread, regs);
		return DUNE_KEEP;
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return dune_clone(thread, regs);
	case SYS_exit:
		dune_block_signals();
		if (thread->signalled)
			return DUNE_RESTART;
		dune_exit(thread, regs->rdi);
	case SYS_exit_group:
		dune_block_signals();
		if (thread->signalled)
			return DUNE_RESTART;
		call_at_exit(thread);
		return dune_forward_syscall(thread, regs);
	case SYS_rt_sigaction:
		return dune_sigaction(thread, regs);
	case SYS_rt_sigprocmask:
		return dune_sigprocmask(thread, regs);
	case SYS_sigaltstack:
		return dune_sigaltstack(regs);
	case SYS_rseq:
		return dune_rseq(thread, regs);
	case SYS_prctl:
		return control(thread, regs);
	case SYS_arch_prctl:
		return prctl_base(thread, regs);
	case SYS_pkey_alloc:
		/* keys are those of the guest's own page table */
		return -ENOSPC;
	case SYS_iopl:
	case SYS_ioperm:
		return -EPERM;
	case SYS_modify_ldt:
		return -ENOSYS;
	case SYS_close:
		return dune_close(thread, regs);
	case SYS_close_range:
		return dune_close_range(thread, regs);
	case SYS_dup2:
	case SYS_dup3:
		return dune_duplicate(thread, regs);
	case SYS_setrlimit:
	case SYS_prlimit64:
		return dune_limit(thread, regs);
	default:
		return dune_forward_syscall(thread, regs);
	}
}

static void system_call(struct dune_thread *thread)
{
	struct dune_regs *regs = &thread->run->regs;
	long ret = is_own_call(regs) ? own_call(thread, regs) :
				       forward(thread, regs);

	/* after a fork the page is another */
	regs = &thread->run->regs;
	if (ret == DUNE_RESTART)
		regs->rip -= dune_module.hypercall_len;
	else if (ret != DUNE_KEEP)
		regs->rax = ret;
}

static void write_text(const char *text)
{
	CALL3(SYS_write, 2, text, strlen(text));
}

/*
 * The guest cannot go on. There is no way back into the program.
 * @error: of DUNE_RUN, or 0
 */
void dune_give_up(const struct dune_run *run, long error)
{
	const char *why = "the module does not know why";

	if (error == -ENOMEM)
		why = "kernel memory ran out";
	else if (error == -ESHUTDOWN)
		why = "the machine goes down";
	else if (error)
		why = "the module refuses to run it";
	else if (run->exit_reason == DUNE_EXIT_SHUTDOWN)
		why = "an exception could not be delivered";
	else if (run->exit_reason == DUNE_EXIT_INVALID_STATE)
		why = "the CPU refuses its state";
	write_text("dune: the virtual CPU stopped: ");
	write_text(why);
	write_text("\n");
	for (;;)
		CALL1(SYS_exit_group, 127);
}

/*
 * Runs outside, on a stack of its own, and makes the guest's system calls: so
 * they are, to the kernel, those of this thread and nothing else.
 *
 * Returns only if the guest could not be entered at all.
 */
int dune_host_loop(struct dune_thread *thread)
{
	struct dune_run *run = thread->run;
	bool entered = false;
	long ret;

	for (;;) {
		dune_rseq_update(thread);
		dune_trap_tell_cpu(thread);
		/* in this order: a signal may come, and want none to be direct */
		run->flags = DUNE_RUN_DIRECT_SYSCALLS;
		if (thread->pending || thread->dispatch.on)
			run->flags = 0;
		ret = dune_run_vcpu(thread->vcpu);
		if (run->exit_reason == DUNE_EXIT_RESTART) {
			/* it is the result of the guest's system call */
			run->exit_reason = DUNE_EXIT_NONE;
			run->regs.rax = ret;
			ret = -EINTR;
		}
		if (ret && ret != -EINTR && !entered)
			return ret;
		entered = true;
		if (ret == -EINTR || (!ret && run->exit_reason == DUNE_EXIT_RESUME)) {
			/* with interrupts off, in a trap: it sees to that */
			if (run->regs.rflags & EFLAGS_IF)
				dune_rseq_abort(thread, &run->regs.rip);
			continue;
		}
		if (ret || run->exit_reason != DUNE_EXIT_SYSCALL)
			dune_give_up(run, ret);
		system_call(thread);
	}
}
