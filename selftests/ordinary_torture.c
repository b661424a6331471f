// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sixteen threads that do all at once what threads do, while signals hit them
 * at random. Each signal that was queued must arrive, once. It knows nothing
 * of Dune; process_test.sh runs it outside and within.
 *
 * DUNE_TORTURE_SECONDS says for how long.
 */
#include "kselftest_harness.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ordinary.h"

#define WORKERS		12
#define SENDERS		4
#define KINDS		3	/* of signals */

static struct worker {
	pthread_t thread;
	long sent, received;	/* atomically */
	long rounds;
	const char *wrong;
	void (*work)(struct worker *worker, unsigned int *seed);
} workers[WORKERS];

static __thread struct worker *self_worker;
static int stop, all_sent;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long locked;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void receive(int signal, siginfo_t *info, void *context)
{
	struct worker *worker = info->si_value.sival_ptr;

	if (self_worker && worker != self_worker)
		worker->wrong = "a signal for another thread";
	__atomic_add_fetch(&worker->received, 1, __ATOMIC_RELAXED);
}

static void do_map(struct worker *worker, unsigned int *seed)
{
	size_t size = 4096 << (rand_r(seed) % 8);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (memory == MAP_FAILED)
		return;
	for (i = 0; i < size; i += 4096)
		memory[i] = i >> 12;
	mprotect(memory, 4096, PROT_READ);
	for (i = 0; i < size; i += 4096)
		if (memory[i] != (char)(i >> 12))
			worker->wrong = "memory that changed";
	munmap(memory, size);
}

static void do_fork(struct worker *worker, unsigned int *seed)
{
	int code = rand_r(seed) % 100, status;
	pid_t pid = fork();

	if (!pid)
		_exit(code);
	if (pid < 0)
		return;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != code << 8)
		worker->wrong = "a child with another status";
}

static void *nothing(void *arg)
{
	return arg;
}

static void do_thread(struct worker *worker, unsigned int *seed)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, nothing, worker))
		return;
	pthread_join(thread, &result);
	if (result != worker)
		worker->wrong = "a thread with another result";
}

static void do_pipe(struct worker *worker, unsigned int *seed)
{
	int ends[2], sent = rand_r(seed), got = 0;

	if (pipe(ends))
		return;
	if (write(ends[1], &sent, sizeof(sent)) != sizeof(sent) ||
	    read(ends[0], &got, sizeof(got)) != sizeof(got) || got != sent)
		worker->wrong = "a pipe that lost something";
	close(ends[0]);
	close(ends[1]);
}

static void do_sleep(struct worker *worker, unsigned int *seed)
{
	struct timespec time = { .tv_nsec = rand_r(seed) % 1000000 };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
	poll(NULL, 0, 1);
}

static void do_count(struct worker *worker, unsigned int *seed)
{
	double sum = 0;
	int i;

	for (i = 1; i <= 20000; i++)
		sum += 1.0 / i;
	if (sum < 10.48 || sum > 10.481)
		worker->wrong = "a sum that is wrong";
	pthread_mutex_lock(&mutex);
	locked++;
	pthread_mutex_unlock(&mutex);
}

static void (*const works[])(struct worker *worker, unsigned int *seed) = {
	do_map, do_fork, do_thread, do_pipe, do_sleep, do_count,
};

static bool missing(struct worker *worker)
{
	return __atomic_load_n(&worker->received, __ATOMIC_RELAXED) !=
	       worker->sent;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int seed = worker - workers;
	int i;

	self_worker = worker;
	while (!stopped()) {
		worker->work(worker, &seed);
		worker->rounds++;
	}
	/* what is still on its way; a thread that is ending hears of none */
	while (!__atomic_load_n(&all_sent, __ATOMIC_ACQUIRE))
		usleep(1000);
	for (i = 0; i < 20000 && missing(worker); i++)
		usleep(1000);
	return NULL;
}

static void *send(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	struct timespec pause = { .tv_nsec = 300000 };
	struct worker *worker;
	union sigval value;

	while (!stopped()) {
		worker = &workers[rand_r(&seed) % WORKERS];
		value.sival_ptr = worker;
		__atomic_add_fetch(&worker->sent, 1, __ATOMIC_RELAXED);
		if (pthread_sigqueue(worker->thread, SIGRTMIN + rand_r(&seed) %
				     KINDS, value))
			__atomic_sub_fetch(&worker->sent, 1, __ATOMIC_RELAXED);
		if (!(rand_r(&seed) % 4))
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static int seconds(void)
{
	const char *text = getenv("DUNE_TORTURE_SECONDS");

	return text ? atoi(text) : 5;
}

FIXTURE(torture) {
};

FIXTURE_SETUP(torture)
{
}

FIXTURE_TEARDOWN(torture)
{
}

TEST_F_TIMEOUT(torture, threads_signals_forks_and_maps, 1100)
{
	pthread_t senders[SENDERS];
	sigset_t set;
	long sent = 0;
	int i;

	for (i = 0; i < KINDS; i++) {
		struct sigaction action = { .sa_flags = SA_SIGINFO };

		action.sa_sigaction = receive;
		/* some nest, some do not */
		if (i)
			sigfillset(&action.sa_mask);
		action.sa_flags |= SA_RESTART;
		sigaction(SIGRTMIN + i, &action, NULL);
	}
	for (i = 0; i < WORKERS; i++) {
		workers[i].work = works[i % ARRAY_SIZE(works)];
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work,
					    &workers[i]));
	}
	/* all others are deaf: signals are for those who count them */
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&senders[i], NULL, send,
					    (void *)(uintptr_t)(i + 100)));
	sleep(seconds());
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < SENDERS; i++)
		pthread_join(senders[i], NULL);
	__atomic_store_n(&all_sent, 1, __ATOMIC_RELEASE);
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(workers[i].sent, workers[i].received);
		EXPECT_LT(0, workers[i].rounds);
		EXPECT_TRUE(!workers[i].wrong) TH_LOG("%s", workers[i].wrong);
		sent += workers[i].sent;
	}
	EXPECT_LT(0, sent);
	TH_LOG("%ld signals", sent);
}

TEST_HARNESS_MAIN
