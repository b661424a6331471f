// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that does its worst to its guest: whatever comes of it is one of
 * the outcomes that there are, and everything goes on working.
 */
#include "hostile.h"

#include <pthread.h>
#include <stdlib.h>

TEST_F(hostile, page_tables_from_outside)
{
	struct dune_state state;
	int bit, ret;

	for (bit = 0; bit < 64; bit++) {
		state = self->state;
		state.cr3 ^= 1UL << bit;
		BEGIN();
		emit(&self->guest, &nothing);
		ret = ioctl(self->guest.vcpu, DUNE_SET_STATE, &state);
		if (ret) {
			EXPECT_EQ(EINVAL, errno);
			continue;
		}
		ret = guest_run(&self->guest);
		EXPECT_TRUE(defined_outcome(&self->guest, ret))
			TH_LOG("bit %d: %d, reason %u", bit, ret,
			       self->guest.run->exit_reason);
	}
	EXPECT_STILL_WORKS();
}

CODE(spin, "0: jmp 0b", "");

/* What is refused leaves nothing behind, nor its registers changed. */
TEST_F(hostile, a_refused_state_is_forgotten)
{
	struct guest *guest = &self->guest;
	struct dune_state state = self->state;

	BEGIN();
	emit(guest, &nothing);
	state.cr3 |= 1UL << 51;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	ASSERT_EQ(0, guest_run(guest));
	/* nothing is there, if a CPU should have as many physical bits */
	EXPECT_TRUE(guest->run->exit_reason == DUNE_EXIT_INVALID_STATE ||
		    guest->run->exit_reason == DUNE_EXIT_SHUTDOWN);
	EXPECT_EQ((uint64_t)guest->code, guest->run->regs.rip);
	EXPECT_EQ((uint64_t)(self->area->stack + PAGE), guest->run->regs.rsp);

	BEGIN();
	emit(guest, &spin);
	guest->run->regs.rflags = 2;
	interrupt_every(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_STILL_WORKS();
}

/* xorshift: the same numbers everywhere. */
static uint64_t seed;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* What a system call gives that there is not, if the module makes it. */
#define NO_SUCH_CALL	38

static int scribbling;

static void *scribble(void *arg)
{
	struct dune_run *run = arg;
	uint64_t *regs = (uint64_t *)&run->regs, state = 88172645463325252UL;

	while (__atomic_load_n(&scribbling, __ATOMIC_RELAXED)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		/* system calls stay outside, where nobody makes them */
		run->flags = state & 2 ? 0 : 0x80000000;
		run->exit_reason = state >> 8 & 15;
		run->interrupt = state >> 16 & 511;
		regs[state % (sizeof(run->regs) / 8)] = state;
	}
	return NULL;
}

CODE(count, "0: inc %rax; dec %rcx; jnz 0b", "");

TEST_F(hostile, run_page_changes_while_it_is_used)
{
	struct guest *guest = &self->guest;
	pthread_t thread;
	int i, ret;

	interrupt_every(10);
	scribbling = 1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, guest->run));
	for (i = 0; i < 300; i++) {
		begin(guest, self->area, &self->state);
		emit(guest, &count);
		guest->run->regs.rcx = 100;
		ret = ioctl(guest->vcpu, DUNE_RUN);
		if (ret && errno != EINTR && errno != EINVAL &&
		    errno != NO_SUCH_CALL)
			break;
	}
	EXPECT_EQ(300, i) TH_LOG("errno %d", errno);
	__atomic_store_n(&scribbling, 0, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_STILL_WORKS();
}

static uint64_t interesting_number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 8, 0x10, 0xff, 0x7ff, 0xffff, 0x10000, 0xffffffff,
		0x7fffffffffff, 0x800000000000, 0xffff800000000000, -1UL,
	};

	switch (random_number() % 3) {
	case 0:
		return numbers[random_number() % ARRAY_SIZE(numbers)];
	case 1:
		return 1UL << random_number() % 64;
	default:
		return random_number();
	}
}

/* Changes one thing: a bit, or a whole word. */
static void mutate(struct dune_state *state)
{
	uint64_t *words = (uint64_t *)state;
	size_t word = random_number() % (sizeof(*state) / 8);

	if (random_number() % 2)
		words[word] ^= 1UL << random_number() % 64;
	else
		words[word] = interesting_number();
	/* QEMU ends itself without a TSS */
	state->tr.attributes = TSS_BUSY;
}

static int rounds(void)
{
	const char *text = getenv("DUNE_FUZZ_ROUNDS");

	return text ? atoi(text) : 1000;
}

TEST_F_TIMEOUT(hostile, any_state_gives_a_defined_outcome, 300)
{
	struct guest *guest = &self->guest;
	struct dune_state state;
	int i, count, ret, accepted = 0;

	seed = 0x2545f4914f6cdd1dUL;
	TH_LOG("seed %#lx, %d rounds", seed, rounds());
	interrupt_every(20);
	for (i = 0; i < rounds(); i++) {
		state = self->state;
		for (count = random_number() % 3; count >= 0; count--)
			mutate(&state);
		BEGIN();
		emit(guest, &undefined);
		if (random_number() % 4 == 0)
			guest->run->regs.rflags = interesting_number();
		if (random_number() % 8 == 0)
			guest->run->regs.rip = interesting_number();
		if (random_number() % 8 == 0)
			guest->run->regs.rsp = interesting_number();
		if (random_number() % 8 == 0)
			guest->run->interrupt = 32 + random_number() % 224;
		if (ioctl(guest->vcpu, DUNE_SET_STATE, &state)) {
			ASSERT_EQ(EINVAL, errno);
			continue;
		}
		accepted++;
		ret = guest_run(guest);
		ASSERT_TRUE(defined_outcome(guest, ret))
			TH_LOG("round %d: %d, errno %d, reason %u, hardware %llx",
			       i, ret, errno, guest->run->exit_reason,
			       guest->run->hardware_reason);
	}
	EXPECT_LT(rounds() / 10, accepted);
	EXPECT_STILL_WORKS();
}

static bool is_known(unsigned int request)
{
	return request == DUNE_GET_INFO || request == DUNE_CREATE_VCPU ||
	       request == DUNE_RUN || request == DUNE_GET_STATE ||
	       request == DUNE_SET_STATE || request == DUNE_GET_WINDOW ||
	       request == DUNE_GET_STATS || request == DUNE_FLUSH ||
	       request == DUNE_ADD_FILTER;
}

static void try_requests(struct __test_metadata *_metadata, int fd)
{
	static const uint64_t addresses[] = {
		0, 1, -1UL, 0xffff888000000000, 0xffffffff81000000,
	};
	static const unsigned int sizes[] = { 0, 1, 4, 32, 4096, 16383 };
	unsigned int request, nr, dir, size, i;

	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < 4 * ARRAY_SIZE(sizes); i++) {
			dir = i % 4;
			size = sizes[i / 4];
			request = _IOC(dir, DUNE_IOC_MAGIC, nr, size);
			if (is_known(request))
				continue;
			ASSERT_EQ(-1, ioctl(fd, request,
					    addresses[nr % ARRAY_SIZE(addresses)]));
			ASSERT_EQ(ENOTTY, errno) TH_LOG("%#x", request);
		}
	}
}

TEST_F(hostile, requests_that_nobody_knows)
{
	try_requests(_metadata, self->guest.dune);
	try_requests(_metadata, self->guest.vcpu);
	EXPECT_STILL_WORKS();
}

TEST_F(hostile, requests_with_bad_addresses)
{
	static const unsigned long of_vcpu[] = {
		DUNE_GET_STATE, DUNE_SET_STATE, DUNE_GET_WINDOW, DUNE_GET_STATS,
		DUNE_FLUSH,
	};
	static const unsigned long of_device[] = {
		DUNE_GET_INFO, DUNE_CREATE_VCPU, DUNE_ADD_FILTER,
	};
	uint8_t *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t addresses[] = {
		0, 1, 4095, -1UL, 0x7fffffffffff, 0x800000000000,
		0xffff888000000000, 0xffffffff81000000,
		/* begins well and ends in nothing */
		(uint64_t)memory + PAGE - 8,
	};
	size_t i, j;

	ASSERT_EQ(0, munmap(memory + PAGE, PAGE));
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		for (j = 0; j < ARRAY_SIZE(of_vcpu); j++) {
			EXPECT_EQ(-1, ioctl(self->guest.vcpu, of_vcpu[j],
					    addresses[i]));
			EXPECT_EQ(EFAULT, errno);
			/* on the wrong descriptor it is none */
			EXPECT_EQ(-1, ioctl(self->guest.dune, of_vcpu[j],
					    addresses[i]));
			EXPECT_EQ(ENOTTY, errno);
		}
		for (j = 0; j < ARRAY_SIZE(of_device); j++) {
			EXPECT_EQ(-1, ioctl(self->guest.dune, of_device[j],
					    addresses[i]));
			EXPECT_EQ(EFAULT, errno);
			EXPECT_EQ(-1, ioctl(self->guest.vcpu, of_device[j],
					    addresses[i]));
			EXPECT_EQ(ENOTTY, errno);
		}
	}
	EXPECT_STILL_WORKS();
}

TEST_HARNESS_MAIN
