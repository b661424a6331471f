// SPDX-License-Identifier: GPL-2.0-only
/* What is known of a seccomp filter, and which path calls take by that. */
#include <kunit/test.h>
#include <linux/audit.h>
#include <linux/fdtable.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/syscalls.h>

#include "../core/filter.h"
#include "../core/syscall.h"
#include "fake_hal.h"
#include "process.h"

#define NUMBER	offsetof(struct seccomp_data, nr)
#define ARCH	offsetof(struct seccomp_data, arch)
#define LOAD(what)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define JUMP(how, k, then, otherwise) \
	BPF_JUMP(BPF_JMP | (how) | BPF_K, k, then, otherwise)
#define GO(k)		BPF_STMT(BPF_JMP | BPF_JA, k)
#define SAY(what)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ ## what)

static int find_dispatcher_and_init(struct kunit *test)
{
	if (IS_BUILTIN(CONFIG_DUNE_KUNIT_TEST))
		dune_syscall_init();
	return process_init(test);
}

/* Which calls does it allow; all others it does not. */
static void judge(struct kunit *test, const struct sock_filter *insns,
		  unsigned int length, unsigned int first, unsigned int count)
{
	struct sock_fprog_kern program = {
		.len = length, .filter = (struct sock_filter *)insns,
	};
	struct dune_filter filter = {};
	unsigned int i;

	dune_filter_judge(&filter, &program);
	for (i = 0; i < NR_syscalls; i++)
		KUNIT_EXPECT_EQ_MSG(test, i >= first && i - first < count,
				    test_bit(i, filter.allowed), "call %u", i);
}

#define JUDGE(test, first, count, ...) do {				\
	const struct sock_filter _insns[] = { __VA_ARGS__ };		\
									\
	judge(test, _insns, ARRAY_SIZE(_insns), first, count);		\
} while (0)

static void all_or_nothing_is_known(struct kunit *test)
{
	JUDGE(test, 0, NR_syscalls, SAY(ALLOW));
	JUDGE(test, 0, 0, SAY(ERRNO));
	JUDGE(test, 0, 0, SAY(LOG));
	JUDGE(test, 0, 0, SAY(TRACE));
	JUDGE(test, 0, 0, SAY(USER_NOTIF));
	JUDGE(test, 0, 0, SAY(KILL_PROCESS));
}

static void numbers_are_compared(struct kunit *test)
{
	JUDGE(test, 39, 1, LOAD(NUMBER), JUMP(BPF_JEQ, 39, 0, 1), SAY(ALLOW),
	      SAY(ERRNO));
	JUDGE(test, 39, 1, LOAD(NUMBER), JUMP(BPF_JEQ, 39, 1, 0), SAY(ERRNO),
	      SAY(ALLOW));
	JUDGE(test, 0, 101, LOAD(NUMBER), JUMP(BPF_JGT, 100, 1, 0), SAY(ALLOW),
	      SAY(ERRNO));
	JUDGE(test, 0, 100, LOAD(NUMBER), JUMP(BPF_JGE, 100, 1, 0), SAY(ALLOW),
	      SAY(ERRNO));
	JUDGE(test, 0, 64, LOAD(NUMBER), JUMP(BPF_JSET, ~63, 1, 0), SAY(ALLOW),
	      SAY(ERRNO));
	JUDGE(test, 0, 8, LOAD(NUMBER), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~7),
	      JUMP(BPF_JEQ, 0, 0, 1), SAY(ALLOW), SAY(ERRNO));
	JUDGE(test, 0, NR_syscalls, GO(1), SAY(ERRNO), SAY(ALLOW));
}

static void the_architecture_is_known(struct kunit *test)
{
	JUDGE(test, 0, NR_syscalls, LOAD(ARCH),
	      JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 0, 1), SAY(ALLOW), SAY(ERRNO));
	JUDGE(test, 0, 0, LOAD(ARCH), JUMP(BPF_JEQ, AUDIT_ARCH_I386, 0, 1),
	      SAY(ALLOW), SAY(ERRNO));
}

static void arguments_are_not_known(struct kunit *test)
{
	/* of call 1 it looks at an argument */
	JUDGE(test, 0, 1, LOAD(NUMBER), JUMP(BPF_JEQ, 0, 3, 0),
	      JUMP(BPF_JEQ, 1, 0, 1),
	      LOAD(offsetof(struct seccomp_data, args[0])),
	      SAY(ERRNO), SAY(ALLOW));
	JUDGE(test, 0, 0, LOAD(offsetof(struct seccomp_data, args[5]) + 4),
	      SAY(ALLOW));
	JUDGE(test, 0, 0,
	      LOAD(offsetof(struct seccomp_data, instruction_pointer)),
	      SAY(ALLOW));
	JUDGE(test, 0, 0, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), SAY(ALLOW));
	JUDGE(test, 0, 0, BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW),
	      BPF_STMT(BPF_RET | BPF_A, 0));
}

static void no_end_is_no_permission(struct kunit *test)
{
	JUDGE(test, 0, 0, LOAD(NUMBER));
	JUDGE(test, 0, 0, GO(0));
	JUDGE(test, 0, 0, GO(1), SAY(ALLOW));
	JUDGE(test, 0, 0, GO(~0U), SAY(ALLOW));
	JUDGE(test, 0, 0, GO(~0U - 1), SAY(ALLOW), SAY(ALLOW));
	JUDGE(test, 0, 0, JUMP(BPF_JEQ, 0, 255, 255), SAY(ALLOW));
}

#ifdef CONFIG_SECCOMP_FILTER
/* By which path does the guest make it? */
static bool is_direct(struct kunit *test, struct dune_vcpu *vcpu, u64 number)
{
	u64 before = vcpu->stats.direct_syscalls;

	vcpu->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	vcpu->run->regs.rax = number;
	vcpu->run->regs.rdi = 0;
	vcpu->run->regs.rsi = 0;
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { .reason = DUNE_HW_HYPERCALL }));
	return vcpu->stats.direct_syscalls > before;
}

static void a_known_filter_decides_the_path(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct dune_filter filter = {};
	/* the kernel does not look at it here */
	struct seccomp_filter *seen = (void *)&filter;

	filter.seccomp = seen;
	__set_bit(__NR_getpid, filter.allowed);
	set_task_syscall_work(current, SECCOMP);
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getpid));
	vcpu->filter = &filter;
	/* strict mode has none */
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getpid));
	current->seccomp.filter = seen;
	KUNIT_EXPECT_TRUE(test, is_direct(test, vcpu, __NR_getpid));
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getppid));
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu,
					   1ULL << 32 | __NR_getpid));
	set_task_syscall_work(current, SYSCALL_AUDIT);
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getpid));
	clear_task_syscall_work(current, SYSCALL_AUDIT);
	/* another has been added */
	current->seccomp.filter = (void *)vcpu;
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getpid));

	current->seccomp.filter = NULL;
	clear_task_syscall_work(current, SECCOMP);
	vcpu->filter = NULL;
}

static const struct sock_filter getpid_only[] = {
	LOAD(NUMBER), JUMP(BPF_JEQ, __NR_getpid, 0, 1), SAY(ALLOW), SAY(ERRNO),
};

/* A struct sock_fprog of the process's. */
static u64 make_program(struct kunit *test, unsigned int length)
{
	unsigned long memory = process_map(test, PAGE_SIZE,
					   PROT_READ | PROT_WRITE, MAP_PRIVATE);
	const struct sock_fprog program = {
		.len = length,
		.filter = (void __user *)(memory + sizeof(program)),
	};

	process_write(test, memory, &program, sizeof(program));
	process_write(test, memory + sizeof(program), getpid_only,
		      sizeof(getpid_only));
	return memory;
}

static struct dune_filter *get_and_close(struct kunit *test, int fd)
{
	struct dune_filter *filter = dune_filter_get(fd);

	KUNIT_ASSERT_FALSE(test, IS_ERR(filter));
	close_fd(fd);
	return filter;
}

static void a_filter_is_added_and_known(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	u64 program = make_program(test, ARRAY_SIZE(getpid_only));
	struct dune_filter *first, *second;
	int fd = dune_filter_add(program);

	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, SECCOMP_MODE_FILTER, current->seccomp.mode);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&current->seccomp.filter_count));
	first = get_and_close(test, fd);
	vcpu->filter = first;
	KUNIT_EXPECT_TRUE(test, is_direct(test, vcpu, __NR_getpid));
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getppid));

	/* who has one already is to ask that */
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, dune_filter_add(program));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&current->seccomp.filter_count));

	/* the first one's listener is in the way of a second one */
	clear_task_syscall_work(current, SECCOMP);
	KUNIT_EXPECT_EQ(test, -EBUSY, dune_filter_add(program));
	vcpu->filter = NULL;
	dune_filter_put(first);
	/* its file, then the listener that this refers to */
	flush_delayed_fput();
	flush_delayed_fput();
	fd = dune_filter_add(program);
	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&current->seccomp.filter_count));
	second = get_and_close(test, fd);
	KUNIT_EXPECT_NULL(test, second->listener);
	vcpu->filter = second;
	KUNIT_EXPECT_FALSE(test, is_direct(test, vcpu, __NR_getpid));
	vcpu->filter = NULL;
	dune_filter_put(second);
}

static void a_program_is_refused(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EFAULT, dune_filter_add(0));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			dune_filter_add(make_program(test, 0)));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			dune_filter_add(make_program(test, BPF_MAXINSNS + 1)));
	/* the kernel wants it to end */
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_filter_add(make_program(test, 2)));
	KUNIT_EXPECT_EQ(test, SECCOMP_MODE_DISABLED, current->seccomp.mode);
}
#endif /* CONFIG_SECCOMP_FILTER */

static struct kunit_case filter_cases[] = {
	KUNIT_CASE(all_or_nothing_is_known),
	KUNIT_CASE(numbers_are_compared),
	KUNIT_CASE(the_architecture_is_known),
	KUNIT_CASE(arguments_are_not_known),
	KUNIT_CASE(no_end_is_no_permission),
#ifdef CONFIG_SECCOMP_FILTER
	KUNIT_CASE(a_known_filter_decides_the_path),
	KUNIT_CASE(a_filter_is_added_and_known),
	KUNIT_CASE(a_program_is_refused),
#endif
	{}
};

static struct kunit_suite filter_suite = {
	.name = "dune_filter",
	.init = find_dispatcher_and_init,
	.exit = process_exit,
	.test_cases = filter_cases,
};

kunit_test_suite(filter_suite);
