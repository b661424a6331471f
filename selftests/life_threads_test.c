// SPDX-License-Identifier: GPL-2.0-only
/* Threads and children that go into Dune and out of it. */
#include "in_dune.h"

#include <sched.h>

#define THREADS	8

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
	EXPECT_EQ(3, handled.ring);
	raise(SIGUSR1);
	EXPECT_EQ(0, handled.ring);
	__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, &where));
	EXPECT_EQ((void *)3, where);
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

/* A child made outside: all of what the parent has there is copied. */
TEST(a_child_made_outside_enters)
{
	ENTER_DUNE();
	ASSERT_EQ(0, dune_leave());
	EXPECT_EQ(0, STATUS_OF(_exit(dune_enter() || ring() || dune_leave())));
	ASSERT_EQ(0, dune_enter());
	EXPECT_EQ(0, ring());
}

TEST_HARNESS_MAIN
