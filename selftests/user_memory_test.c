// SPDX-License-Identifier: GPL-2.0-only
/* Memory of ring 3: what it gets is its own, and nothing else. */
#include "user_code.h"

#include <sched.h>
#include <sys/shm.h>

/* What ring 3 must not reach. */
static long secret = 4711;

static inline __attribute__((always_inline)) long
user_remap(long start, long old, long new, long flags, long to)
{
	register long r10 asm("r10") = flags;
	register long r8 asm("r8") = to;
	long ret;

	asm volatile("syscall" : "=a" (ret) : "a" (SYS_mremap), "D" (start),
		     "S" (old), "d" (new), "r" (r10), "r" (r8)
		     : "rcx", "r11", "memory");
	return ret;
}

static USER_CODE long use_memory(void *argument)
{
	char *memory = (char *)user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	long old;

	if ((long)memory < 0)
		return -1;
	memory[7 * PAGE] = 1;
	if (user_call(SYS_mprotect, (long)memory, PAGE, 1, 0))
		return -2;
	if (user_call(SYS_madvise, (long)memory + PAGE, PAGE, 4, 0))
		return -3;
	if (user_call(SYS_munmap, (long)memory + 4 * PAGE, 2 * PAGE, 0, 0))
		return -4;
	/* over its own, and at a place where nothing is */
	if (user_call(SYS_mmap, (long)memory, 6 * PAGE, 3, 0x32) !=
	    (long)memory)
		return -5;
	memory[5 * PAGE] = 2;
	memory = (char *)user_call(SYS_mremap, (long)memory, 8 * PAGE,
				   64 * PAGE, MREMAP_MAYMOVE);
	if ((long)memory < 0)
		return -6;
	memory[63 * PAGE] = memory[7 * PAGE];
	if (memory[63 * PAGE] != 1 || memory[5 * PAGE] != 2)
		return -7;
	if (user_call(SYS_munmap, (long)memory, 64 * PAGE, 0, 0))
		return -8;
	old = user_call(SYS_brk, 0, 0, 0, 0);
	if (user_call(SYS_brk, old + 4 * PAGE, 0, 0, 0) != old + 4 * (long)PAGE)
		return -9;
	((char *)old)[4 * PAGE - 1] = 1;
	if (user_call(SYS_brk, old, 0, 0, 0) != old)
		return -10;
	return 0;
}

TEST_F(user, has_memory_of_its_own)
{
	EXPECT_EQ(0, call_user(use_memory, NULL));
}

/* Does the root show it to ring 3? */
static bool is_shown(const char *place)
{
	struct dune_mapping mapping;

	return !dune_lookup(dune_root_current(), place, &mapping) &&
	       mapping.bits & DUNE_PTE_USER;
}

static USER_CODE long use_edges(void *argument)
{
	long memory = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22), other;

	if (user_call(SYS_mmap, 0, 0, 3, 0x22) != -EINVAL ||
	    user_call(SYS_mmap, 0, 1L << 47, 3, 0x22) != -ENOMEM)
		return -1;
	if (user_call(SYS_mmap, memory + 1, PAGE, 3, 0x32) != -EINVAL ||
	    user_call(SYS_mmap, memory, (1L << 47) - 4096, 3, 0x32) != -EINVAL)
		return -2;
	/* what is not there any more is no error */
	if (user_call(SYS_munmap, memory + 2 * PAGE, 2 * PAGE, 0, 0) ||
	    user_call(SYS_munmap, memory, 6 * PAGE, 0, 0))
		return -3;
	shared.values[0] = memory;
	/* smaller, where it is; then elsewhere, where something is and not */
	memory = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	other = user_call(SYS_mmap, 0, 8 * PAGE, 3, 0x22);
	((char *)memory)[PAGE] = 9;
	if (user_remap(memory, 8 * PAGE, 4 * PAGE, 0, 0) != memory)
		return -4;
	shared.values[1] = memory;
	if (user_remap(memory, 4 * PAGE, 2 * PAGE, 3, other) != other ||
	    ((char *)other)[PAGE] != 9)
		return -5;
	if (user_remap(other, 2 * PAGE, 2 * PAGE, 3, memory) != memory ||
	    ((char *)memory)[PAGE] != 9)
		return -6;
	shared.values[2] = other;
	other = user_call(SYS_mmap, 0, 2 * PAGE, 3, 0x22);
	if (user_call(SYS_munmap, other, 2 * PAGE, 0, 0))
		return -7;
	shared.values[3] = other;
	/* more of a heap, and not all of it again */
	other = (user_call(SYS_brk, 0, 0, 0, 0) + PAGE - 1) & -(long)PAGE;
	if (user_call(SYS_brk, other + 4 * PAGE, 0, 0, 0) !=
	    other + 4 * (long)PAGE ||
	    user_call(SYS_brk, other + PAGE, 0, 0, 0) != other + (long)PAGE)
		return -8;
	shared.values[4] = other;
	return 0;
}

TEST_F(user, edges_of_its_memory)
{
	char *memory;
	int i;

	ASSERT_EQ(0, call_user(use_edges, NULL));
	memory = (char *)shared.values[0];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i > 5, is_shown(memory + i * PAGE));
	memory = (char *)shared.values[1];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i < 2, is_shown(memory + i * PAGE));
	memory = (char *)shared.values[2];
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i > 1, is_shown(memory + i * PAGE));
	EXPECT_FALSE(is_shown((char *)shared.values[3]));
	memory = (char *)shared.values[4];
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 1, is_shown(memory + i * PAGE));
	/* ring 0 sees what it gets in its place */
	memory = mmap((char *)shared.values[3], 2 * PAGE,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	put(memory, 1);
	EXPECT_EQ(1, get(memory));
}

/* Copies of memory that it does not have, and what is in its way. */
static USER_CODE long take_memory(void *argument)
{
	long memory = user_call(SYS_mmap, 0, PAGE, 3, 0x22);
	long end = user_call(SYS_brk, 0, 0, 0, 0);

	shared.values[0] = user_remap((long)argument, 0, PAGE, 1, 0);
	shared.values[1] = user_remap(memory, PAGE, PAGE, 3, (long)argument);
	shared.values[2] = user_call(SYS_brk, end - 8 * (long)PAGE, 0, 0, 0) -
			   end;
	shared.values[3] = user_call(SYS_shmat, shared.values[4],
				     (long)argument, SHM_REMAP, 0);
	shared.values[5] = user_call(SYS_shmat, shared.values[4], memory,
				     SHM_REMAP, 0) - memory;
	((char *)memory)[0] = 7;
	/* so large that it is nothing again when it is made whole pages */
	shared.values[6] = user_remap((long)argument, -1, PAGE, 1, 0);
	return 0;
}

TEST_F(user, takes_no_memory_of_ring_0)
{
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	char *segment = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	put(memory, 42);
	ASSERT_NE((void *)-1, sbrk(16 * PAGE));
	shared.values[4] = id;
	EXPECT_EQ(0, call_user(take_memory, memory));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(-EPERM, shared.values[1]);
	EXPECT_EQ(0, shared.values[2]);
	EXPECT_EQ(-EPERM, shared.values[3]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(42, get(memory));
	EXPECT_EQ(7, get(segment));
}

static USER_CODE long share_memory(void *argument)
{
	char *memory = (char *)user_call(SYS_shmat, (long)argument, 0, 0, 0);

	if ((long)memory < 0 && (long)memory > -4096)
		return (long)memory;
	memory[PAGE] = 5;
	if (user_call(SYS_shmdt, (long)memory, 0, 0, 0))
		return -1;
	return user_call(SYS_shmdt, (long)memory, 0, 0, 0);
}

TEST_F(user, has_shared_memory)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	char *memory = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	EXPECT_EQ(-EPERM, call_user(share_memory, (void *)(long)id));
	EXPECT_EQ(5, get(memory + PAGE));
}

/* Where ring 0 has something, ring 3 changes nothing. */
static USER_CODE long attack_memory(void *argument)
{
	char *place = argument;
	long page = (long)place & -(long)PAGE;

	shared.values[0] = user_call(SYS_mmap, page, PAGE, 3, 0x32);
	shared.values[1] = user_call(SYS_munmap, page, PAGE, 0, 0);
	shared.values[2] = user_call(SYS_mprotect, page, PAGE, 7, 0);
	shared.values[3] = user_call(SYS_madvise, page, PAGE, 4, 0);
	shared.values[4] = user_call(SYS_mremap, page, PAGE, PAGE * 2, 1);
	shared.values[5] = user_call(SYS_munmap, page - (long)PAGE, 1L << 20, 0,
				     0);
	shared.values[6] = user_call(SYS_mlock, page, PAGE, 0, 0);
	shared.values[7] = user_call(SYS_munmap, 0, 1L << 47, 0, 0);
	return 0;
}

TEST_F(user, leaves_the_memory_of_ring_0)
{
	char *memory = get_memory(LARGE), *own = dune_page_alloc();

	put(memory, 42);
	*own = 43;
	EXPECT_EQ(0, call_user(attack_memory, memory));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(0, shared.values[1]);
	EXPECT_EQ(-EPERM, shared.values[2]);
	EXPECT_EQ(-EPERM, shared.values[3]);
	EXPECT_EQ(-EPERM, shared.values[4]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(-EINVAL, shared.values[7]);
	EXPECT_EQ(42, get(memory));
	EXPECT_EQ(0, call_user(attack_memory, own));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(43, get(own));
	EXPECT_EQ(4711, secret);
}

/* mmap() of one page that counts as a large one, over what it is told. */
static inline __attribute__((always_inline)) long
map_large(long place, long flags, long fd)
{
	register long r10 asm("r10") = MAP_FIXED | MAP_NORESERVE | flags;
	register long r8 asm("r8") = fd;
	register long r9 asm("r9") = 0;
	long ret;

	asm volatile("syscall" : "=a" (ret) : "a" (SYS_mmap), "D" (place),
		     "S" (PAGE), "d" (3), "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "memory");
	return ret;
}

#define LARGE_PAGES	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)

/* What it has is one page at the beginning of a large one, or of two. */
static USER_CODE long take_by_large_pages(void *argument)
{
	long place = (long)argument, own = place + 2 * (long)LARGE;

	shared.values[0] = map_large(place, LARGE_PAGES, -1);
	shared.values[1] = map_large(place, LARGE_PAGES |
				     21 << MAP_HUGE_SHIFT, -1);
	shared.values[2] = map_large(place, LARGE_PAGES |
				     22 << MAP_HUGE_SHIFT, -1);
	shared.values[3] = map_large(place, MAP_SHARED, shared.values[8]);
	shared.values[4] = user_call(SYS_shmat, shared.values[9], place,
				     SHM_REMAP, 0);
	shared.values[5] = map_large(own, LARGE_PAGES, -1) - own;
	/* what is behind its own, then what it would go to */
	shared.values[6] = user_remap(own, LARGE + PAGE, LARGE, 0, 0);
	shared.values[7] = user_remap(own, PAGE, PAGE, 3, place);
	shared.values[10] = user_remap(own, LARGE, PAGE, 0, 0) - own;
	return 0;
}

TEST_F(user, takes_no_memory_by_large_pages)
{
	char *memory = get_memory(4 * LARGE), *own = memory + 2 * LARGE;
	int id = shmget(IPC_PRIVATE, PAGE,
			SHM_HUGETLB | SHM_NORESERVE | 0600);

	put(memory + PAGE, 42);
	put(own + LARGE + PAGE, 43);
	shared.values[8] = memfd_create("", MFD_HUGETLB);
	ASSERT_EQ(0, ftruncate(shared.values[8], LARGE));
	shared.values[9] = id;
	ASSERT_EQ(0, show(memory, PAGE));
	ASSERT_EQ(0, show(own, LARGE + PAGE));
	EXPECT_EQ(0, call_user(take_by_large_pages, memory));
	shmctl(id, IPC_RMID, NULL);
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(-EPERM, shared.values[1]);
	/* no page is that large */
	EXPECT_EQ(-EINVAL, shared.values[2]);
	EXPECT_EQ(-EPERM, shared.values[3]);
	EXPECT_EQ(-EPERM, shared.values[4]);
	EXPECT_EQ(0, shared.values[5]);
	EXPECT_EQ(-EPERM, shared.values[6]);
	EXPECT_EQ(-EPERM, shared.values[7]);
	EXPECT_EQ(0, shared.values[10]);
	EXPECT_EQ(42, get(memory + PAGE));
	EXPECT_EQ(43, get(own + LARGE + PAGE));
	EXPECT_TRUE(is_shown(own + LARGE - PAGE));
}

/* The kernel looks at half of a number only; x32 has other numbers for the same. */
static USER_CODE long call_by_other_numbers(void *place)
{
	long number;

	shared.values[0] = user_call(1L << 32 | SYS_mmap, (long)place, PAGE, 3,
				     0x32);
	shared.values[1] = user_call(1L << 30 | SYS_mmap, (long)place, PAGE, 3,
				     0x32);
	/* libdune's own ones, of ring 0 */
	for (number = 0x10000; number < 0x10010; number++)
		if (user_call(number, (long)place, (long)place, 0, 0) !=
		    -ENOSYS)
			return number;
	return 0;
}

TEST_F(user, takes_no_memory_by_other_numbers)
{
	char *memory = get_memory(LARGE);

	put(memory, 42);
	EXPECT_EQ(0, call_user(call_by_other_numbers, memory));
	EXPECT_EQ(-EPERM, shared.values[0]);
	EXPECT_EQ(-ENOSYS, shared.values[1]);
	EXPECT_EQ(42, get(memory));
}

#define MANY	(4096 * PAGE)

/* While it has all of that it takes long to see that it does. */
static USER_CODE long clear_again_and_again(void *place)
{
	while (!__atomic_load_n(&shared.ready, __ATOMIC_ACQUIRE))
		if (!user_call(SYS_madvise, (long)place, MANY, MADV_DONTNEED,
			       0))
			shared.count++;
	return 0;
}

static USER_CODE long give_back(void *place)
{
	return user_call(SYS_munmap, (long)place, PAGE, 0, 0);
}

static USER_CODE long take_again(void *place)
{
	return user_call(SYS_mmap, (long)place, PAGE, 3, 0x32);
}

static void *clear_in_thread(void *place)
{
	return (void *)dune_call_user(clear_again_and_again, place,
				      shared.other_stack, STACK_SIZE);
}

/* A page that ring 3 has given back is ring 0's; is it left as it is? */
static bool change_hands(char *place)
{
	char *own;
	bool kept;

	/* the other one may be about to clear it by then */
	usleep(20000);
	if (call_user(give_back, place))
		return false;
	own = mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (own != place)
		return false;
	put(place, 42);
	usleep(20000);
	kept = get(place) == 42;
	munmap(place, PAGE);
	return kept && call_user(take_again, place) == (long)place;
}

TEST_F(user, takes_no_memory_that_changes_hands)
{
	const struct sched_param first = { .sched_priority = 1 };
	char *memory = get_memory(MANY);
	pthread_t thread;
	cpu_set_t one;
	int i, kept = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	/* an entry of a table for each page */
	for (i = 0; i < (int)(MANY / PAGE); i++)
		ASSERT_EQ(0, show(memory + i * PAGE, PAGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, clear_in_thread, memory));
	/* from now on the other one goes on only while this one waits */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	for (i = 0; i < 20; i++)
		kept += change_hands(memory);
	EXPECT_EQ(20, kept);
	__atomic_store_n(&shared.ready, 1, __ATOMIC_RELEASE);
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, shared.count);
}

TEST_HARNESS_MAIN
