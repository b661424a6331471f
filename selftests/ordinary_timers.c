// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers of threads. It knows nothing of Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "ordinary_processes.h"

FIXTURE(timers) {
};

FIXTURE_SETUP(timers)
{
}

FIXTURE_TEARDOWN(timers)
{
}

static pthread_t told;
static sem_t notified;

static void on_expiry(union sigval value)
{
	told = pthread_self();
	if (value.sival_int == 5)
		sem_post(&notified);
}

TEST_F(timers, timers_call_a_thread)
{
	struct itimerspec time = { .it_value.tv_nsec = 5000000 };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = on_expiry,
		.sigev_value.sival_int = 5,
	};
	timer_t timer;

	sem_init(&notified, 0, 0);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &time, NULL));
	while (sem_wait(&notified))
		;
	EXPECT_EQ(0, pthread_equal(told, pthread_self()));
	timer_delete(timer);
}

static pid_t thread_of_signal;

static void note_thread(int signal)
{
	thread_of_signal = gettid();
	calls++;
}

/* Its own timer, by the thread's number. */
static void *wait_for_own_timer(void *arg)
{
	struct itimerspec time = { .it_value.tv_nsec = 5000000 };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR2,
	};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &time, NULL))
		return NULL;
	while (!__atomic_load_n(&calls, __ATOMIC_RELAXED))
		;
	timer_delete(timer);
	return thread_of_signal == gettid() ? arg : NULL;
}

TEST_F(timers, timers_signal_one_thread)
{
	void *result = NULL;
	pthread_t thread;

	handle(SIGUSR2, note_thread, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_own_timer, self));
	pthread_join(thread, &result);
	EXPECT_TRUE(result == self);
	EXPECT_EQ(1, calls);
}

TEST_HARNESS_MAIN
