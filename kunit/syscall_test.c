// SPDX-License-Identifier: GPL-2.0-only
/* Which of the two paths a system call takes, and what comes of it. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/thread_info.h>
#include <asm/unistd.h>

#include "../core/syscall.h"
#include "fake_hal.h"
#include "process.h"

#define RIP	0x401000ULL

/* Built into the kernel, without hardware, nobody looked for it yet. */
static int find_dispatcher_and_init(struct kunit *test)
{
	if (IS_BUILTIN(CONFIG_DUNE_KUNIT_TEST))
		dune_syscall_init();
	return process_init(test);
}

/* The guest makes this call and, if that is made at once, goes on. */
static long make_call(struct kunit *test, struct dune_vcpu *vcpu, u64 number,
		      u64 argument)
{
	vcpu->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	vcpu->run->regs.rax = number;
	vcpu->run->regs.rdi = argument;
	vcpu->run->regs.rsi = 0;
	vcpu->run->regs.rip = RIP;
	return RUN(test, { .reason = DUNE_HW_HYPERCALL,
			   .instruction_length = 3 });
}

static void expect_plain(struct kunit *test, struct dune_vcpu *vcpu, u64 number)
{
	u64 direct = vcpu->stats.direct_syscalls;
	u64 plain = vcpu->stats.plain_syscalls;

	KUNIT_EXPECT_EQ(test, 0L, make_call(test, vcpu, number, 1));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SYSCALL, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, number, vcpu->run->regs.rax);
	KUNIT_EXPECT_EQ(test, RIP + 3, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, direct, vcpu->stats.direct_syscalls);
	KUNIT_EXPECT_EQ(test, plain + 1, vcpu->stats.plain_syscalls);
}

static void a_call_is_made_at_once(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	KUNIT_EXPECT_EQ(test, 0L, make_call(test, vcpu, __NR_getpid, 0));
	KUNIT_EXPECT_TRUE(test, process_ran_to_end(vcpu));
	KUNIT_EXPECT_EQ(test, (u64)task_tgid_nr(current), vcpu->run->regs.rax);
	KUNIT_EXPECT_EQ(test, RIP + 3, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.direct_syscalls);
	KUNIT_EXPECT_EQ(test, 0ULL, vcpu->stats.plain_syscalls);
}

static void an_error_is_a_result_like_others(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	KUNIT_EXPECT_EQ(test, 0L, make_call(test, vcpu, __NR_fsync, ~0U));
	KUNIT_EXPECT_TRUE(test, process_ran_to_end(vcpu));
	KUNIT_EXPECT_EQ(test, (u64)-EBADF, vcpu->run->regs.rax);
}

static void arguments_arrive(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	unsigned long memory = process_map(test, PAGE_SIZE, 0, MAP_PRIVATE);

	vcpu->run->regs.rdx = PROT_READ | PROT_WRITE;
	vcpu->run->regs.r10 = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	vcpu->run->regs.r8 = ~0ULL;
	vcpu->run->regs.r9 = 0;
	vcpu->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	vcpu->run->regs.rax = __NR_mmap;
	vcpu->run->regs.rdi = memory + PAGE_SIZE;
	vcpu->run->regs.rsi = PAGE_SIZE;
	vm_munmap(memory + PAGE_SIZE, PAGE_SIZE);
	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_HYPERCALL });
	KUNIT_EXPECT_EQ(test, (u64)memory + PAGE_SIZE, vcpu->run->regs.rax);
}

static void nobody_asked_for_the_direct_path(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->regs.rax = __NR_getpid;
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { .reason = DUNE_HW_HYPERCALL }));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SYSCALL, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.plain_syscalls);
}

static void some_calls_are_made_in_their_place_only(struct kunit *test)
{
	static const u64 calls[] = {
		__NR_clone, __NR_clone3, __NR_fork, __NR_vfork, __NR_execve,
		__NR_execveat, __NR_exit, __NR_exit_group, __NR_rt_sigreturn,
		__NR_sigaltstack, __NR_restart_syscall, __NR_arch_prctl,
		__NR_modify_ldt, __NR_iopl, __NR_ioperm, __NR_ptrace,
		__NR_rseq, __NR_rt_sigaction, __NR_close, __NR_close_range,
		__NR_dup2, __NR_dup3, __NR_setrlimit, __NR_prlimit64,
		__NR_prctl, __NR_pkey_alloc,
		/* no calls at all: user space hears that from the kernel */
		NR_syscalls, 1ULL << 32, 1ULL << 32 | __NR_getpid, ~0ULL,
	};
	struct dune_vcpu *vcpu = process_vcpu(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		expect_plain(test, vcpu, calls[i]);
}

static void our_own_calls_are_made_outside(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, dune_syscall_may_be_direct(__NR_ioctl,
							    DUNE_RUN));
	KUNIT_EXPECT_FALSE(test, dune_syscall_may_be_direct(__NR_ioctl,
							    DUNE_GET_INFO));
	KUNIT_EXPECT_TRUE(test, dune_syscall_may_be_direct(__NR_ioctl, 0x5401));
	KUNIT_EXPECT_TRUE(test, dune_syscall_may_be_direct(__NR_read, DUNE_RUN));
}

static void who_is_watched_takes_the_plain_path(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	/* seccomp, ptrace, tracing, audit, system-call user dispatch */
	set_task_syscall_work(current, SECCOMP);
	expect_plain(test, vcpu, __NR_getpid);
	KUNIT_EXPECT_EQ(test, 1U, vcpu->run->watched);
	clear_task_syscall_work(current, SECCOMP);
	expect_plain(test, vcpu, __NR_exit_group);
	KUNIT_EXPECT_EQ(test, 0U, vcpu->run->watched);
	set_task_syscall_work(current, SYSCALL_TRACE);
	expect_plain(test, vcpu, __NR_getpid);
	clear_task_syscall_work(current, SYSCALL_TRACE);
	set_task_syscall_work(current, SYSCALL_AUDIT);
	expect_plain(test, vcpu, __NR_getpid);
	clear_task_syscall_work(current, SYSCALL_AUDIT);
	KUNIT_EXPECT_EQ(test, 0L, make_call(test, vcpu, __NR_getpid, 0));
	KUNIT_EXPECT_TRUE(test, process_ran_to_end(vcpu));
}

static void work_on_the_way_out_takes_the_plain_path(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	set_thread_flag(TIF_NOTIFY_RESUME);
	/* It was asked to go there before already. */
	vcpu->did_work = true;
	expect_plain(test, vcpu, __NR_getpid);
	clear_thread_flag(TIF_NOTIFY_RESUME);
}

static void a_signal_interrupts_a_call(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	process_signal_later(test, 50);
	KUNIT_EXPECT_EQ(test, (long)-ERESTARTNOHAND,
			make_call(test, vcpu, __NR_pause, 0));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_RESTART, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, (u64)__NR_pause, vcpu->run->regs.rax);
	KUNIT_EXPECT_EQ(test, RIP + 3, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
	process_no_signal();
}

static void a_call_that_is_restarted_goes_first(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	vcpu->run->exit_reason = DUNE_EXIT_RESTART;
	vcpu->run->regs.rax = __NR_getpid;
	vcpu->run->regs.rip = RIP;
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, (u64)task_tgid_nr(current), vcpu->run->regs.rax);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);

	/* By the plain path, if that is what it takes now. */
	vcpu->run->flags = 0;
	vcpu->run->exit_reason = DUNE_EXIT_RESTART;
	vcpu->run->regs.rax = __NR_getpid;
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SYSCALL, vcpu->run->exit_reason);
}

static struct kunit_case syscall_cases[] = {
	KUNIT_CASE(a_call_is_made_at_once),
	KUNIT_CASE(an_error_is_a_result_like_others),
	KUNIT_CASE(arguments_arrive),
	KUNIT_CASE(nobody_asked_for_the_direct_path),
	KUNIT_CASE(some_calls_are_made_in_their_place_only),
	KUNIT_CASE(our_own_calls_are_made_outside),
	KUNIT_CASE(who_is_watched_takes_the_plain_path),
	KUNIT_CASE(work_on_the_way_out_takes_the_plain_path),
	KUNIT_CASE(a_signal_interrupts_a_call),
	KUNIT_CASE(a_call_that_is_restarted_goes_first),
	{}
};

static struct kunit_suite syscall_suite = {
	.name = "dune_syscall",
	.init = find_dispatcher_and_init,
	.exit = process_exit,
	.test_cases = syscall_cases,
};

kunit_test_suite(syscall_suite);
