// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that comes and goes. It knows nothing of Dune: process_test.sh runs it
 * there.
 */
#include "kselftest_harness.h"

#include <pthread.h>
#include <sys/mman.h>

#include "ordinary_processes.h"

FIXTURE(memory) {
};

FIXTURE_SETUP(memory)
{
}

FIXTURE_TEARDOWN(memory)
{
}

TEST_F(memory, large_memory_comes_and_goes)
{
	const size_t size = 64UL << 20;
	char *memory;
	int i;

	for (i = 0; i < 5; i++) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, memory);
		memset(memory, i + 1, 4 << 20);
		EXPECT_EQ(i + 1, memory[(4 << 20) - 1]);
		EXPECT_EQ(0, memory[(4 << 20)]);
		munmap(memory, size);
	}
}

#define TOUCHING	4
#define GIBIBYTE	(1UL << 30)

static pthread_barrier_t barrier;

static char *touched;

static void *touch_together(void *arg)
{
	pthread_barrier_wait(&barrier);
	touched[(long)arg * 64] = 1;
	return NULL;
}

/*
 * What none of them has seen before appears for all at the same moment. The 400
 * threads take a debug kernel in Bochs 16 s outside, and 45 in Dune.
 */
TEST_F_TIMEOUT(memory, threads_touch_new_memory_at_once, 300)
{
	pthread_t threads[TOUCHING];
	char *place = (char *)(1UL << 40);
	long i, j;

	pthread_barrier_init(&barrier, NULL, TOUCHING);
	for (i = 0; i < 100; i++) {
		touched = mmap(place + i * GIBIBYTE, 4096,
			       PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, touched);
		for (j = 0; j < TOUCHING; j++)
			pthread_create(&threads[j], NULL, touch_together,
				       (void *)j);
		for (j = 0; j < TOUCHING; j++)
			pthread_join(threads[j], NULL);
		for (j = 0; j < TOUCHING; j++)
			ASSERT_EQ(1, touched[j * 64]);
	}
}

TEST_HARNESS_MAIN
