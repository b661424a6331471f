// SPDX-License-Identifier: GPL-2.0-only
/* Into Dune, with each option and each error. */
#include "in_dune.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
	for (i = 2; i < 32; i++)
		EXPECT_EQ(-EINVAL, try_options((struct dune_options){
			.flags = 1U << i }));
	EXPECT_EQ(-EINVAL, try_options((struct dune_options){
		.filter = 1 }));
	EXPECT_EQ(-EINVAL, try_options((struct dune_options){
		.reserved = 1 }));
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
	EXPECT_EQ(0, try_options((struct dune_options){ .flags = 4 }));
}

/*
 * How a process ends for which a filter's answer to close() of what libdune
 * keeps is the end. What counts lines of libdune closes files of its own.
 */
static int end_with_filter(uint32_t flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 768, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct dune_options options = {
		.size = sizeof(options),
		.flags = flags,
	};
	const struct sock_fprog filter = { ARRAY_SIZE(code), code };
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (dune_init(&options) || dune_enter() ||
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
			_exit(1);
		_exit(7);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST(a_filter_sees_an_early_end_only)
{
	EXPECT_EQ(7 << 8, end_with_filter(0));
	EXPECT_EQ(SIGSYS, end_with_filter(DUNE_OPTION_END_EARLY) & 0x7f);
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
