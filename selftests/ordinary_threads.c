// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads as any program makes them. It knows nothing of Dune, and passes
 * outside as well as within: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "ordinary_processes.h"

FIXTURE(threads) {
};

FIXTURE_SETUP(threads)
{
}

FIXTURE_TEARDOWN(threads)
{
}

TEST_F_TIMEOUT(threads, threads_come_and_go, 300)
{
	pthread_t thread;
	void *result;
	int i;

	errno = EAGAIN;
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, in_same_ring, self));
		ASSERT_EQ(0, pthread_join(thread, &result));
		ASSERT_EQ(self, result);
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(7, of_the_thread);
}

#define THREADS	64

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return in_same_ring(arg);
}

TEST_F(threads, many_threads_at_once)
{
	pthread_t threads[THREADS];
	void *result;
	int i;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, count, self));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(self, result);
	}
	EXPECT_EQ(100 * THREADS, counter);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

TEST_F(threads, threads_can_be_cancelled)
{
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_for_ever, NULL));
	ASSERT_EQ(0, pthread_cancel(thread));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);
}

static sem_t done;

static void *post(void *arg)
{
	sem_post(&done);
	return NULL;
}

TEST_F(threads, threads_can_be_detached)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int i;

	sem_init(&done, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, pthread_create(&thread, &attributes, post, NULL));
	for (i = 0; i < 50; i++)
		sem_wait(&done);
}

static pthread_mutex_t robust;

static void *die_with_lock(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}

TEST_F(threads, robust_mutexes_tell_of_the_dead)
{
	pthread_mutexattr_t attributes;
	pthread_t thread;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	ASSERT_EQ(0, pthread_create(&thread, NULL, die_with_lock, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(EOWNERDEAD, pthread_mutex_lock(&robust));
}

static void *crash(void *arg)
{
	asm volatile("movl $1, 8");
	return NULL;
}

static void *leave(void *arg)
{
	exit(17);
}

TEST_F(threads, a_thread_ends_all)
{
	pthread_t thread;
	pid_t pid = fork();
	int status;

	if (!pid) {
		pthread_create(&thread, NULL, crash, NULL);
		sleep_for_ever(NULL);
	}
	status = status_of(pid);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, leave, NULL);
		sleep_for_ever(NULL);
	}
	EXPECT_EQ(17 << 8, status_of(pid));
}

static void *exit_late(void *arg)
{
	usleep(20000);
	_exit(18);
}

TEST_F(threads, the_first_thread_may_leave_first)
{
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, exit_late, NULL);
		pthread_exit(NULL);
	}
	EXPECT_EQ(18 << 8, status_of(pid));
}

TEST_HARNESS_MAIN
