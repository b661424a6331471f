// SPDX-License-Identifier: GPL-2.0-only
/* Into Dune and out of it again, with each option and each error. */
#include "in_dune.h"

#include <asm/prctl.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define THREADS		8
#define ROUNDS		200

#define SIGNAL(signal)	(1UL << ((signal) - 1))

static _Thread_local int of_thread = 7;

static int ring(void)
{
	uint16_t cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

/* What handlers saw; the thread that they interrupt looks at it, too. */
static struct {
	int calls, ring, signal, value, tls;
	sigset_t blocked;
} seen;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	seen.ring = ring();
	seen.signal = signal;
	seen.value = info->si_value.sival_int;
	seen.tls = of_thread;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &seen.blocked, 8);
	__atomic_add_fetch(&seen.calls, 1, __ATOMIC_RELEASE);
}

static void handle(int signal, int flags)
{
	struct sigaction action = {
		.sa_sigaction = on_signal, .sa_flags = flags | SA_SIGINFO,
	};

	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(signal, &action, NULL);
}

static int calls(void)
{
	return __atomic_load_n(&seen.calls, __ATOMIC_ACQUIRE);
}

static int try_options(struct dune_options options)
{
	if (!options.size)
		options.size = sizeof(options);
	return dune_init(&options);
}

TEST(options_that_are_none)
{
	struct {
		struct dune_options known;
		uint8_t unknown[24];
	} longer = { .known.size = sizeof(longer), .unknown[23] = 1 };
	static const uint64_t sizes[] = {
		1, PAGE - 1, 2 * PAGE, LARGE / 2, 2 * HUGE, 1UL << 63,
	};
	uint32_t size;
	size_t i;

	for (size = 1; size < 4; size++)
		EXPECT_EQ(-EINVAL, try_options((struct dune_options){
			.size = size }));
	for (i = 0; i < 32; i++)
		EXPECT_EQ(-EINVAL, try_options((struct dune_options){
			.flags = 1U << i }));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		EXPECT_EQ(-EINVAL, try_options((struct dune_options){
			.fill_size = sizes[i] }));
	EXPECT_EQ(-EINVAL, try_options((struct dune_options){
		.stack_size = PAGE + 1 }));
	EXPECT_EQ(-EINVAL, try_options((struct dune_options){
		.stack_size = HUGE / 2 + PAGE }));
	EXPECT_EQ(-EINVAL, try_options((struct dune_options){
		.stack_size = 1UL << 63 }));
	EXPECT_EQ(-EINVAL, dune_init(&longer.known));
	longer.unknown[23] = 0;
	longer.unknown[0] = 1;
	EXPECT_EQ(-EINVAL, dune_init(&longer.known));
	/* none of these counts */
	EXPECT_EQ(-EINVAL, dune_enter());
	longer.unknown[0] = 0;
	EXPECT_EQ(0, dune_init(&longer.known));
	EXPECT_EQ(0, dune_enter());
}

/* Of a program that knows less than the library. */
TEST(short_options)
{
	struct dune_options options = {
		.size = offsetof(struct dune_options, stack_size),
		.fill_size = PAGE, .stack_size = 1, .outside = 1,
	};
	struct dune_mapping mapping;
	char *memory = get_memory(PAGE);

	ASSERT_EQ(0, dune_init(&options));
	ASSERT_EQ(0, dune_enter());
	ASSERT_EQ(0, dune_lookup(dune_root_current(), memory, &mapping));
	EXPECT_EQ(PAGE, mapping.size);
}

static uint64_t fill_size(uint64_t asked)
{
	struct dune_options options = {
		.size = sizeof(options), .fill_size = asked,
	};
	struct dune_mapping mapping = { 0 };
	char *memory = get_memory(2 * LARGE);

	if (dune_init(&options) || dune_enter() ||
	    dune_lookup(dune_root_current(), memory, &mapping) ||
	    mapping.target != (void *)mapping.address ||
	    (uint64_t)memory - mapping.address >= mapping.size)
		return 0;
	put(memory, 1);
	return get(memory) == 1 ? mapping.size : 0;
}

TEST(filled_in_by_4k)
{
	EXPECT_EQ(PAGE, fill_size(PAGE));
}

TEST(filled_in_by_2m)
{
	EXPECT_EQ(LARGE, fill_size(LARGE));
}

TEST(filled_in_by_1g)
{
	uint64_t size = fill_size(HUGE);

	/* the largest that the CPU has */
	EXPECT_TRUE(size == HUGE || size == LARGE);
}

TEST(the_first_options_stay)
{
	ASSERT_EQ(0, try_options((struct dune_options){ .fill_size = PAGE }));
	EXPECT_EQ(PAGE, fill_size(LARGE));
	EXPECT_EQ(0, try_options((struct dune_options){ .flags = 1 }));
}

/* In a handler: uses as much stack as it may. */
static uint64_t depth;

static enum dune_verdict go_deep(struct dune_frame *frame)
{
	char *area = __builtin_alloca(depth);
	uint64_t i;

	for (i = 0; i < depth; i += PAGE / 2)
		put(&area[i], i / PAGE);
	for (i = 0; i < depth; i += PAGE / 2)
		if (get(&area[i]) != (char)(i / PAGE))
			return DUNE_PASS;
	frame->rip += 2;
	return DUNE_DONE;
}

static void use_stack(uint64_t size)
{
	depth = size;
	dune_set_trap_handler(DUNE_VECTOR_UD, go_deep, 0);
	asm volatile("ud2");
}

static void *use_stack_in_thread(void *size)
{
	use_stack((uint64_t)size);
	return NULL;
}

TEST(stacks_as_large_as_asked_for)
{
	pthread_t thread;

	ASSERT_EQ(0, try_options((struct dune_options){
		.stack_size = 4 * LARGE }));
	ASSERT_EQ(0, dune_enter());
	use_stack(4 * LARGE - 8 * PAGE);
	ASSERT_EQ(0, pthread_create(&thread, NULL, use_stack_in_thread,
				    (void *)(4 * LARGE - 8 * PAGE)));
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST(largest_stack)
{
	ASSERT_EQ(0, try_options((struct dune_options){
		.stack_size = HUGE / 2 }));
	ASSERT_EQ(0, dune_enter());
	use_stack(LARGE);
}

/* Less than there is anyhow. */
TEST(smallest_stack)
{
	ASSERT_EQ(0, try_options((struct dune_options){ .stack_size = PAGE }));
	ASSERT_EQ(0, dune_enter());
	use_stack(32 << 10);
}

FIXTURE(outside) {
};

FIXTURE_SETUP(outside)
{
	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	ASSERT_EQ(0, try_options((struct dune_options){
		.outside = SIGNAL(SIGUSR1) | SIGNAL(SIGALRM) }));
	ASSERT_EQ(0, dune_enter());
}

FIXTURE_TEARDOWN(outside)
{
}

TEST_F(outside, each_handler_where_it_is_to_be)
{
	raise(SIGUSR1);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(SIGUSR1, seen.signal);
	EXPECT_EQ(3, seen.ring);
	EXPECT_EQ(7, seen.tls);
	EXPECT_EQ(1, sigismember(&seen.blocked, SIGUSR1));
	EXPECT_EQ(1, sigismember(&seen.blocked, SIGTERM));
	EXPECT_EQ(0, sigismember(&seen.blocked, SIGUSR2));
	EXPECT_EQ(0, ring());
	raise(SIGUSR2);
	EXPECT_EQ(2, calls());
	EXPECT_EQ(SIGUSR2, seen.signal);
	EXPECT_EQ(0, seen.ring);
}

TEST_F(outside, with_what_came_along)
{
	union sigval value = { .sival_int = 1234 };
	struct sigaction action;

	ASSERT_EQ(0, sigqueue(getpid(), SIGUSR1, value));
	EXPECT_EQ(1234, seen.value);
	ASSERT_EQ(0, sigaction(SIGUSR1, NULL, &action));
	EXPECT_TRUE(action.sa_sigaction == on_signal);
}

TEST_F(outside, installed_in_dune)
{
	handle(SIGALRM, 0);
	raise(SIGALRM);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, seen.ring);
}

static void alarm_soon(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 };

	setitimer(ITIMER_REAL, &soon, NULL);
}

TEST_F(outside, while_the_guest_computes)
{
	handle(SIGALRM, 0);
	alarm_soon();
	while (!calls())
		asm volatile("pause");
	EXPECT_EQ(3, seen.ring);
	EXPECT_EQ(0, ring());
}

/* It does not wait for the guest's interrupts. */
TEST_F(outside, with_interrupts_off)
{
	handle(SIGALRM, 0);
	alarm_soon();
	dune_set_interrupts(0);
	while (!calls())
		asm volatile("pause");
	dune_set_interrupts(1);
	EXPECT_EQ(3, seen.ring);
}

TEST_F(outside, ends_a_system_call)
{
	int ends[2];
	char byte;

	handle(SIGALRM, 0);
	ASSERT_EQ(0, pipe(ends));
	alarm_soon();
	EXPECT_EQ(-1, read(ends[0], &byte, 1));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(1, calls());
	alarm_soon();
	EXPECT_EQ(-1, pause());
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(2, calls());
}

static int full[2];

static void write_pipe(int signal)
{
	seen.ring = ring();
	seen.calls += write(full[1], "x", 1);
}

TEST_F(outside, restarts_a_system_call)
{
	struct sigaction action = {
		.sa_handler = write_pipe, .sa_flags = SA_RESTART,
	};
	char byte = 0;

	ASSERT_EQ(0, pipe(full));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	alarm_soon();
	EXPECT_EQ(1, read(full[0], &byte, 1));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, seen.ring);
}

TEST_F(outside, waits_while_it_is_blocked)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	EXPECT_EQ(0, calls());
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, seen.ring);
}

TEST(errors_of_order)
{
	struct dune_stats stats;

	EXPECT_EQ(-EINVAL, dune_enter());
	EXPECT_EQ(-EPERM, dune_leave());
	EXPECT_EQ(-EINVAL, dune_get_stats(&stats));
	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(-EPERM, dune_leave());
	EXPECT_EQ(-EINVAL, dune_get_stats(&stats));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, ring());
	EXPECT_EQ(-EALREADY, dune_enter());
	EXPECT_EQ(0, dune_init(NULL));
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(3, ring());
	EXPECT_EQ(-EPERM, dune_leave());
	EXPECT_EQ(-EINVAL, dune_get_stats(&stats));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, ring());
}

TEST(what_it_can_do_is_told_anywhere)
{
	struct dune_info outside, inside;

	ASSERT_EQ(0, dune_query_info(&outside));
	EXPECT_NE(0, outside.hypercall_len);
	ENTER_DUNE();
	ASSERT_EQ(0, dune_query_info(&inside));
	EXPECT_EQ(0, memcmp(&outside, &inside, sizeof(inside)));
}

static uint64_t system_calls(const struct dune_stats *stats)
{
	return stats->direct_syscalls + stats->plain_syscalls;
}

TEST(counts_what_the_process_does)
{
	struct dune_stats before, after;
	int i;

	ENTER_DUNE();
	ASSERT_EQ(0, dune_get_stats(&before));
	EXPECT_EQ(1, before.vcpus);
	for (i = 0; i < 100; i++)
		getppid();
	ASSERT_EQ(0, dune_get_stats(&after));
	EXPECT_LE(system_calls(&before) + 100, system_calls(&after));
	EXPECT_GT(system_calls(&before) + 200, system_calls(&after));
	/* the only one was given back */
	ASSERT_EQ(0, dune_leave());
	ASSERT_EQ(0, dune_enter());
	ASSERT_EQ(0, dune_get_stats(&after));
	EXPECT_EQ(1, after.vcpus);
}

TEST(every_error_has_words)
{
	static const int errors[] = {
		0, ENOENT, EACCES, ENOTTY, EINVAL, EALREADY, EBUSY, ENOMEM,
		EMFILE, ENOSPC, ESHUTDOWN, EOPNOTSUPP, EIO,
	};
	const int count = ARRAY_SIZE(errors);
	int i, j;

	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			EXPECT_STRNE(dune_error(-errors[i]),
				     dune_error(-errors[j]));
	for (i = -5000; i < 5000; i++) {
		ASSERT_NE(NULL, dune_error(i));
		EXPECT_LT(10, strlen(dune_error(i)));
	}
	EXPECT_STREQ(dune_error(-ENOENT), dune_error(-ENODEV));
	EXPECT_STREQ(dune_error(-EMFILE), dune_error(-ENFILE));
}

/* For dune_at_exit(): what it saw, in memory that is shared. */
static struct {
	int calls, ring;
	bool aligned;
	uint64_t exits;
} *at_exit;

static void note_exit(const struct dune_stats *stats)
{
	at_exit->ring = ring();
	/* as the ABI has it when a function begins */
	at_exit->aligned = !((uint64_t)__builtin_frame_address(0) & 15);
	at_exit->exits = stats->exits[DUNE_STAT_HYPERCALL];
	at_exit->calls++;
}

static void set_at_exit(void)
{
	at_exit = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	dune_at_exit(note_exit);
}

static void *end_process(void *unused)
{
	exit(5);
}

static void end_in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, end_process, NULL);
	pthread_join(thread, NULL);
}

TEST(something_at_the_end)
{
	set_at_exit();
	ENTER_DUNE();
	/* the children have the same */
	EXPECT_EQ(0x300, STATUS_OF(exit(3)));
	EXPECT_EQ(1, at_exit->calls);
	EXPECT_EQ(3, at_exit->ring);
	EXPECT_TRUE(at_exit->aligned);
	EXPECT_NE(0, at_exit->exits);
	EXPECT_EQ(0x400, STATUS_OF(_exit(4)));
	EXPECT_EQ(2, at_exit->calls);
	EXPECT_EQ(0x500, STATUS_OF(end_in_thread()));
	EXPECT_EQ(3, at_exit->calls);
	EXPECT_TRUE(at_exit->aligned);
	/* not where it has no time, or where it is not in Dune */
	EXPECT_EQ(SIGKILL, STATUS_OF(raise(SIGKILL)));
	EXPECT_EQ(0x600, STATUS_OF((dune_leave(), _exit(6))));
	EXPECT_EQ(0, STATUS_OF(dune_at_exit(NULL)));
	EXPECT_EQ(3, at_exit->calls);
}

struct context {
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint32_t mxcsr;
	uint16_t control;
};

static const struct context wanted = {
	.rbx = 0x1111, .rbp = 0x2222, .r12 = 0x3333, .r13 = 0x4444,
	.r14 = 0x5555, .r15 = 0x6666,
	/* to be rounded up, and toward zero */
	.mxcsr = 0x5f80, .control = 0x0f7f,
};

/* Calls with all that a function has to keep; what is there afterwards. */
static int call_with(int (*function)(void), struct context *context)
{
	int ret;

	asm volatile("mov %%rsp, %%rdx; sub $128, %%rsp; and $-16, %%rsp\n\t"
		     "push %%rdx; push %%rbx; push %%rbp; push %1\n\t"
		     "sub $16, %%rsp; stmxcsr (%%rsp); fnstcw 4(%%rsp)\n\t"
		     "ldmxcsr 48(%1); fldcw 52(%1)\n\t"
		     "mov 16(%1), %%r12; mov 24(%1), %%r13\n\t"
		     "mov 32(%1), %%r14; mov 40(%1), %%r15\n\t"
		     "mov 0(%1), %%rbx; mov 8(%1), %%rbp\n\t"
		     "call *%%rax; mov 16(%%rsp), %%rcx\n\t"
		     "mov %%r12, 16(%%rcx); mov %%r13, 24(%%rcx)\n\t"
		     "mov %%r14, 32(%%rcx); mov %%r15, 40(%%rcx)\n\t"
		     "mov %%rbx, 0(%%rcx); mov %%rbp, 8(%%rcx)\n\t"
		     "stmxcsr 48(%%rcx); fnstcw 52(%%rcx)\n\t"
		     "ldmxcsr (%%rsp); fldcw 4(%%rsp)\n\t"
		     "add $24, %%rsp; pop %%rbp; pop %%rbx; pop %%rsp"
		     : "=a" (ret), "+c" (context)
		     : "a" (function)
		     : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "memory", "cc");
	return ret;
}

TEST(registers_are_kept_both_ways)
{
	struct context context = wanted;

	ASSERT_EQ(0, dune_init(NULL));
	EXPECT_EQ(0, call_with(dune_enter, &context));
	EXPECT_EQ(0, ring());
	EXPECT_EQ(0, memcmp(&wanted, &context, sizeof(context)));
	context = wanted;
	EXPECT_EQ(0, call_with(dune_leave, &context));
	EXPECT_EQ(3, ring());
	EXPECT_EQ(0, memcmp(&wanted, &context, sizeof(context)));
}

static bool is_blocked(int signal)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, signal);
}

TEST(leaving_keeps_the_thread_as_it_is)
{
	uint64_t gs = 0;
	sigset_t set;

	ENTER_DUNE();
	of_thread = 8;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456));
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(8, of_thread);
	EXPECT_TRUE(is_blocked(SIGUSR2));
	EXPECT_FALSE(is_blocked(SIGUSR1));
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	EXPECT_EQ(0x123456, gs);
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(8, of_thread);
	EXPECT_TRUE(is_blocked(SIGUSR2));
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	EXPECT_EQ(0x123456, gs);
}

static const struct rseq *rseq_area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() +
			       __rseq_offset);
}

/* The kernel has the thread's area, and says there where it runs. */
static bool has_rseq(void)
{
	unsigned int cpu = 0, told;
	int i;

	if (syscall(SYS_rseq, rseq_area(), 32, 0, RSEQ_SIG) != -1 ||
	    errno != EBUSY)
		return false;
	/* it may be moved between the two */
	for (i = 0; i < 100; i++) {
		told = __atomic_load_n(&rseq_area()->cpu_id, __ATOMIC_RELAXED);
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		if (cpu == told && (int)cpu == sched_getcpu())
			return true;
	}
	return false;
}

TEST(restartable_sequences_go_on)
{
	cpu_set_t set;
	int i;

	if (!__rseq_size)
		SKIP(return, "the C library has none");
	ASSERT_EQ(0, dune_init(NULL));
	for (i = 0; i < 4; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % sysconf(_SC_NPROCESSORS_ONLN), &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		ASSERT_EQ(0, dune_enter());
		EXPECT_TRUE(has_rseq());
		ASSERT_EQ(0, dune_leave());
		EXPECT_TRUE(has_rseq());
	}
}

TEST(signals_after_leaving)
{
	int i;

	handle(SIGUSR1, 0);
	ENTER_DUNE();
	handle(SIGUSR2, 0);
	for (i = 0; i < 3; i++) {
		raise(SIGUSR1);
		EXPECT_EQ(0, seen.ring);
		ASSERT_EQ(0, dune_leave());
		raise(SIGUSR1);
		EXPECT_EQ(3, seen.ring);
		EXPECT_EQ(SIGUSR1, seen.signal);
		raise(SIGUSR2);
		EXPECT_EQ(SIGUSR2, seen.signal);
		EXPECT_EQ(3, seen.ring);
		EXPECT_EQ(1, sigismember(&seen.blocked, SIGTERM));
		EXPECT_EQ(1, sigismember(&seen.blocked, SIGUSR2));
		EXPECT_EQ(0, sigismember(&seen.blocked, SIGUSR1));
		EXPECT_FALSE(is_blocked(SIGTERM));
		ASSERT_EQ(0, dune_enter());
		raise(SIGUSR2);
		EXPECT_EQ(0, seen.ring);
	}
	EXPECT_EQ(12, calls());
}

/* What is installed outside holds when it is back in Dune. */
TEST(handlers_installed_between)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	handle(SIGUSR1, 0);
	raise(SIGUSR1);
	EXPECT_EQ(3, seen.ring);
	ASSERT_EQ(0, dune_enter());
	raise(SIGUSR1);
	EXPECT_EQ(0, seen.ring);
	EXPECT_EQ(2, calls());
}

TEST(leave_with_a_signal_that_waits)
{
	sigset_t set;

	handle(SIGUSR1, 0);
	ENTER_DUNE();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0, calls());
	sigpending(&set);
	EXPECT_EQ(1, sigismember(&set, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, seen.ring);
}

/* One that came while interrupts were off is the kernel's again. */
TEST(leave_with_interrupts_off)
{
	handle(SIGUSR1, 0);
	ENTER_DUNE();
	dune_set_interrupts(0);
	raise(SIGUSR1);
	EXPECT_EQ(0, calls());
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(1, calls());
	EXPECT_EQ(3, seen.ring);
	raise(SIGUSR1);
	EXPECT_EQ(2, calls());
}

static unsigned int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Pages that the process has, or, by its page tables, that it uses. */
static unsigned long memory_of(bool used)
{
	FILE *file = fopen(used ? "/proc/self/smaps_rollup" :
				  "/proc/self/statm", "r");
	unsigned long pages = 0;
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, used ? "Rss: %lu kB" : "%lu", &pages) == 1)
			break;
	fclose(file);
	return used ? pages / 4 : pages;
}

/* Among it no huge page, which a large area gets for its first byte. */
TEST(entering_takes_little_memory)
{
	unsigned long used = memory_of(true);

	ENTER_DUNE();
	/* some is code that it runs */
	EXPECT_GE(used + 256, memory_of(true));
}

TEST(many_rounds_leave_nothing_behind)
{
	unsigned int files, round;
	unsigned long size = 0, used = 0;

	ASSERT_EQ(0, dune_init(NULL));
	files = descriptors();
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, dune_enter());
		ASSERT_EQ(0, ring());
		ASSERT_EQ(0, dune_leave());
		ASSERT_EQ(3, ring());
		if (round == ROUNDS / 2) {
			size = memory_of(false);
			used = memory_of(true);
		}
	}
	EXPECT_EQ(files, descriptors());
	EXPECT_EQ(size, memory_of(false));
	/* the kernel maps more than is asked for */
	EXPECT_GE(used + ROUNDS / 4, memory_of(true));
}

static pthread_barrier_t barrier;
static unsigned int most;

/* It was there before; it enters with all others at the same time. */
static void *come_and_go(void *unused)
{
	struct dune_stats stats;
	long failures = 0;
	int i;

	of_thread = (int)syscall(SYS_gettid);
	for (i = 0; i < 10; i++) {
		pthread_barrier_wait(&barrier);
		failures += ring() != 3;
		failures += dune_enter() != 0;
		failures += ring() != 0;
		failures += of_thread != (int)syscall(SYS_gettid);
		pthread_barrier_wait(&barrier);
		failures += dune_get_stats(&stats) != 0;
		if (stats.vcpus > __atomic_load_n(&most, __ATOMIC_RELAXED))
			__atomic_store_n(&most, stats.vcpus, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		failures += dune_leave() != 0;
		failures += of_thread != (int)syscall(SYS_gettid);
	}
	return (void *)failures;
}

TEST(threads_that_were_there_before)
{
	pthread_t threads[THREADS];
	unsigned int files;
	void *failures;
	int i;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, THREADS));
	ASSERT_EQ(0, dune_init(NULL));
	files = descriptors();
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, come_and_go,
					    NULL));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failures));
		EXPECT_EQ(NULL, failures);
	}
	EXPECT_EQ(THREADS, most);
	EXPECT_EQ(files, descriptors());
	EXPECT_EQ(3, ring());
}

static int started, ended;

static void *stay_outside(void *unused)
{
	handle(SIGUSR1, 0);
	__atomic_store_n(&started, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE))
		usleep(1000);
	return (void *)(long)ring();
}

/* A signal for it finds it outside, whoever is in Dune. */
TEST(a_thread_that_stays_outside)
{
	pthread_t thread;
	void *where;

	ASSERT_EQ(0, pthread_create(&thread, NULL, stay_outside, NULL));
	while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE))
		usleep(1000);
	ENTER_DUNE();
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	while (!calls())
		usleep(1000);
	EXPECT_EQ(3, seen.ring);
	raise(SIGUSR1);
	EXPECT_EQ(0, seen.ring);
	__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, &where));
	EXPECT_EQ((void *)3, where);
}

static void *leave_and_return(void *unused)
{
	if (ring() || dune_leave())
		return (void *)1;
	return (void *)(long)(ring() != 3);
}

/* A thread that began in Dune ends outside. */
TEST(a_thread_leaves_and_ends)
{
	unsigned int files;
	pthread_t thread;
	void *result;
	int i;

	ENTER_DUNE();
	files = descriptors();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, leave_and_return,
					    NULL));
		ASSERT_EQ(0, pthread_join(thread, &result));
		EXPECT_EQ(NULL, result);
	}
	EXPECT_EQ(files, descriptors());
}

TEST(children_after_leaving)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0x300, STATUS_OF(_exit(ring())));
	EXPECT_EQ(0x700, STATUS_OF(execl("/bin/sh", "sh", "-c", "exit 7",
					 NULL)));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, STATUS_OF(_exit(ring())));
}

static int same_thread_storage(void *value)
{
	return ring() || of_thread != 7 || *(int *)value != 5;
}

/* With a stack of its own, and told where its thread-local storage is. */
TEST(children_by_clone)
{
	char *stack = get_memory(LARGE);
	int value = 5, status = -1;
	pid_t child;

	ENTER_DUNE();
	child = clone(same_thread_storage, stack + LARGE,
		      CLONE_SETTLS | SIGCHLD, &value, NULL,
		      __builtin_thread_pointer());
	ASSERT_LT(0, child);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

static long clone_without_handlers(void)
{
	/* flags and, at the fifth place, the signal at its end */
	uint64_t args[11] = { 1UL << 32, [4] = SIGCHLD };

	return syscall(SYS_clone3, args, sizeof(args));
}

TEST(children_without_handlers)
{
	int status = -1;
	pid_t child;

	handle(SIGUSR1, 0);
	ENTER_DUNE();
	child = clone_without_handlers();
	if (!child) {
		raise(SIGUSR1);
		_exit(1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGUSR1, status);
	raise(SIGUSR1);
	EXPECT_EQ(1, calls());
}

/* What would be done for the thread's side outside, or for its ring 3. */
TEST(calls_that_cannot_be_had)
{
	ENTER_DUNE();
	EXPECT_EQ(-EPERM, dune_syscall(SYS_iopl, 3, 0, 0, 0, 0, 0));
	EXPECT_EQ(-EPERM, dune_syscall(SYS_ioperm, 0, 1, 1, 0, 0, 0));
	EXPECT_EQ(-ENOSYS, dune_syscall(SYS_modify_ldt, 0, 0, 0, 0, 0, 0));
	EXPECT_EQ(-ENOSPC, dune_syscall(SYS_pkey_alloc, 0, 0, 0, 0, 0, 0));
	EXPECT_EQ(-ENODEV, dune_syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0, 0,
					0, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, dune_syscall(SYS_arch_prctl,
					    ARCH_REQ_XCOMP_PERM, 18, 0, 0, 0,
					    0));
	/* nor those of which the kernel says so itself, or libdune's own */
	EXPECT_EQ(-EINVAL, dune_syscall(SYS_arch_prctl, 1, 0, 0, 0, 0, 0));
	EXPECT_EQ(-ENOSYS, dune_syscall(0x10fff, 0, 0, 0, 0, 0, 0));
	EXPECT_EQ(-1, syscall(0x10005));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(0, ring());
}

/* A child made outside: all of what the parent has there is copied. */
TEST(a_child_made_outside_enters)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0, STATUS_OF(_exit(dune_enter() || ring() || dune_leave())));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, ring());
}

/* As many descriptors as the process may have. */
static void use_up_descriptors(void)
{
	rlim_t count = open("/dev/null", O_RDONLY) + 1;
	struct rlimit limit = { count, count };

	setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(no_descriptor_for_the_device)
{
	struct dune_info info;

	use_up_descriptors();
	EXPECT_EQ(-EMFILE, dune_query_info(&info));
	EXPECT_EQ(-EMFILE, dune_init(NULL));
	EXPECT_EQ(-EINVAL, dune_enter());
	close(3);
	EXPECT_EQ(0, dune_init(NULL));
	EXPECT_EQ(-EMFILE, dune_enter());
}

TEST(no_descriptor_for_the_virtual_cpu)
{
	ASSERT_EQ(0, dune_init(NULL));
	use_up_descriptors();
	EXPECT_EQ(-EMFILE, dune_enter());
	EXPECT_EQ(-EMFILE, dune_enter());
	close(3);
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, ring());
}

static void limit_memory(bool on)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (on)
		limit.rlim_cur = (memory_of(false) + 8) * PAGE;
	setrlimit(RLIMIT_AS, &limit);
}

TEST(no_address_space_to_begin_with)
{
	unsigned int files = descriptors();

	limit_memory(true);
	EXPECT_EQ(-ENOMEM, dune_init(NULL));
	EXPECT_EQ(-EINVAL, dune_enter());
	limit_memory(false);
	EXPECT_EQ(files, descriptors());
	ENTER_DUNE();
}

TEST(no_address_space_to_enter)
{
	unsigned int files;

	ASSERT_EQ(0, dune_init(NULL));
	files = descriptors();
	limit_memory(true);
	EXPECT_EQ(-ENOMEM, dune_enter());
	EXPECT_EQ(3, ring());
	limit_memory(false);
	EXPECT_EQ(files, descriptors());
	ASSERT_EQ(0, dune_enter());
}

/* There is room for a thread, but not for the stack that was asked for. */
TEST(no_address_space_for_a_stack)
{
	unsigned int files;

	ASSERT_EQ(0, try_options((struct dune_options){
		.stack_size = HUGE / 4 }));
	files = descriptors();
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &(struct rlimit){
		memory_of(false) * PAGE + HUGE / 8, RLIM_INFINITY }));
	EXPECT_EQ(-ENOMEM, dune_enter());
	limit_memory(false);
	EXPECT_EQ(files, descriptors());
	ASSERT_EQ(0, dune_enter());
}

TEST_HARNESS_MAIN
