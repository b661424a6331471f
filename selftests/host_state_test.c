// SPDX-License-Identifier: GPL-2.0-only
/* What a thread has outside is its own again after it was in the guest. */
#include "kselftest_harness.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "guest.h"
#include "need_dune.h"

FIXTURE(host) {
	struct guest guest;
};

FIXTURE_SETUP(host)
{
	ASSERT_EQ(0, guest_create(&self->guest));
}

FIXTURE_TEARDOWN(host)
{
	guest_destroy(&self->guest);
}

static int watch(const void *address)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uint64_t)address,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.exclude_kernel = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* The guest's debug registers are in the way of the thread's while it runs. */
TEST_F(host, watchpoint_still_works)
{
	static uint64_t watched;
	struct guest *guest = &self->guest;
	struct dune_state state;
	uint64_t count = 0;
	int fd = watch(&watched);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.dr0 = 0x1000;
	state.dr1 = 0x2000;
	state.dr2 = 0x3000;
	state.dr3 = 0x4000;
	state.dr7 |= 0xff;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	__atomic_store_n(&watched, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(8, read(fd, &count, 8));
	EXPECT_EQ(1, count);
	close(fd);
}

static uint64_t limit_of(uint16_t selector)
{
	uint64_t limit = 0;

	asm volatile("lsl %w1, %k0" : "+r" (limit) : "r" (selector));
	return limit;
}

TEST_F(host, local_descriptor_table_is_still_there)
{
	struct user_desc desc = {
		.entry_number = 2,
		.base_addr = 0,
		.limit = 0x1234,
		.seg_32bit = 1,
	};
	const uint16_t selector = 2 << 3 | 4 | 3;
	int i;

	guest_emit_hypercall(&self->guest);
	ASSERT_EQ(0, guest_run(&self->guest));
	if (syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)) && errno == ENOSYS)
		SKIP(return, "this kernel makes no local descriptor tables");
	EXPECT_EQ(0x1234, limit_of(selector));
	for (i = 0; i < 3; i++) {
		self->guest.run->regs.rip = (uint64_t)self->guest.code;
		ASSERT_EQ(0, guest_run(&self->guest));
		EXPECT_EQ(0x1234, limit_of(selector));
		sched_yield();
	}
}

static uint64_t base(int which)
{
	uint64_t value = 0;

	syscall(SYS_arch_prctl, which, &value);
	return value;
}

TEST_F(host, segment_registers_are_its_own)
{
	struct guest *guest = &self->guest;
	uint16_t ds = 0x2b, es = 0x2b, gs = 0x2b, seen_ds, seen_es, seen_gs;
	uint64_t before = base(ARCH_GET_GS);
	int ret;

	guest_emit_hypercall(guest);
	asm volatile("mov %w0, %%ds\n\tmov %w1, %%es\n\tmov %w2, %%gs"
		     : : "r" (ds), "r" (es), "r" (gs));
	ret = guest_run(guest);
	asm volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%gs, %2"
		     : "=r" (seen_ds), "=r" (seen_es), "=r" (seen_gs));
	asm volatile("mov %w0, %%ds\n\tmov %w0, %%es\n\tmov %w0, %%gs"
		     : : "r" (0));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(ds, seen_ds);
	EXPECT_EQ(es, seen_es);
	EXPECT_EQ(gs, seen_gs);
	EXPECT_EQ(before, base(ARCH_GET_GS));
}

#define HWCAP2_FSGSBASE	2

/* That of thread-local storage, with a base that is not its descriptor's. */
TEST_F(host, fs_keeps_selector_and_base)
{
	struct guest *guest = &self->guest;
	uint64_t fs = base(ARCH_GET_FS), seen;
	uint16_t selector = 0x2b, seen_selector;
	long ret;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
		SKIP(return, "user space cannot write the base");
	guest_emit_hypercall(guest);
	/* without FS the C library is not to be entered */
	do {
		ret = SYS_ioctl;
		asm volatile("mov %w[selector], %%fs\n\twrfsbase %[fs]\n\t"
			     "syscall\n\t"
			     "mov %%fs, %w[seen_selector]\n\t"
			     "rdfsbase %[seen]\n\t"
			     "mov %w[none], %%fs\n\twrfsbase %[fs]"
			     : "+a" (ret), [seen] "=&r" (seen),
			       [seen_selector] "=&r" (seen_selector)
			     : [selector] "r" (selector), [fs] "r" (fs),
			       [none] "r" (0), "D" (guest->vcpu),
			       "S" (DUNE_RUN), "d" (0)
			     : "rcx", "r11", "memory");
	} while (!ret && guest->run->exit_reason == DUNE_EXIT_RESUME);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(selector, seen_selector);
	EXPECT_EQ(fs, seen);
}

/* The guest has others, and changes them. */
TEST_F(host, bases_are_its_own)
{
	struct guest *guest = &self->guest;
	uint64_t fs = base(ARCH_GET_FS);
	struct dune_state state;

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.gs.base = 0x1111000;
	state.fs.base = 0x2222000;
	state.kernel_gs_base = 0x3333000;
	state.lstar = 0x4444000;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	ASSERT_EQ(0, syscall(SYS_arch_prctl, ARCH_SET_GS, 0x5555000));
	guest_emit(guest, "\x0f\x01\xf8", 3);		/* swapgs */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(fs, base(ARCH_GET_FS));
	EXPECT_EQ(0x5555000, base(ARCH_GET_GS));
	sched_yield();
	EXPECT_EQ(0x5555000, base(ARCH_GET_GS));
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	EXPECT_EQ(0x3333000, state.gs.base);
	EXPECT_EQ(0x1111000, state.kernel_gs_base);
	EXPECT_EQ(0x4444000, state.lstar);
}

static uint64_t xcr0(void)
{
	uint32_t eax, edx;

	asm volatile("xgetbv" : "=a" (eax), "=d" (edx) : "c" (0));
	return eax | (uint64_t)edx << 32;
}

TEST_F(host, extended_state_is_its_own)
{
	struct guest *guest = &self->guest;
	struct dune_state state;
	uint64_t before;

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	if (!state.xcr0)
		SKIP(return, "this CPU has no XSAVE");
	before = xcr0();
	EXPECT_EQ(before, state.xcr0);
	/* xor %ecx, %ecx; xor %edx, %edx; mov $1, %eax; xsetbv; xgetbv */
	guest_emit(guest, "\x31\xc9\x31\xd2\xb8\x01\x00\x00\x00\x0f\x01\xd1"
		   "\x0f\x01\xd0", 15);
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(1, guest->run->regs.rax);
	EXPECT_EQ(before, xcr0());
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	EXPECT_EQ(1, state.xcr0);
}

#define THREADS	4

struct runner {
	pthread_t thread;
	double seed;
	bool good;
};

/*
 * Adds to xmm5 in the guest, and expects it in the thread's registers at every
 * exit, while others do the same with other values.
 */
static void *add_forever(void *arg)
{
	struct runner *runner = arg;
	double value = runner->seed;
	struct guest guest;
	int round;

	if (guest_create(&guest))
		return NULL;
	guest_emit(&guest, "\xf2\x0f\x58\xee", 4);	/* addsd %xmm6, %xmm5 */
	guest_emit_hypercall(&guest);
	runner->good = true;
	for (round = 0; round < 200; round++) {
		double sum = 0;

		guest.run->regs.rip = (uint64_t)guest.code;
		asm volatile("movsd %1, %%xmm5\n\t"
			     "movsd %2, %%xmm6\n\t"
			     "1: mov %3, %%edi\n\t"
			     "mov %4, %%esi\n\t"
			     "mov $16, %%eax\n\t"
			     "syscall\n\t"
			     "cmpl %6, %5\n\t"
			     "je 1b\n\t"
			     "movsd %%xmm5, %0"
			     : "=m" (sum)
			     : "m" (value), "m" (runner->seed),
			       "r" (guest.vcpu), "i" ((int)DUNE_RUN),
			       "m" (guest.run->exit_reason),
			       "i" (DUNE_EXIT_RESUME)
			     : "rax", "rcx", "rdx", "rdi", "rsi", "r11",
			       "xmm5", "xmm6", "memory", "cc");
		runner->good &= sum == value + runner->seed;
		value = sum;
		if (!(round % 16))
			sched_yield();
	}
	guest_destroy(&guest);
	return NULL;
}

TEST_F_TIMEOUT(host, floating_point_registers_do_not_mix, 300)
{
	struct runner runners[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){ .seed = i + 1.5 };
		ASSERT_EQ(0, pthread_create(&runners[i].thread, NULL,
					    add_forever, &runners[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(runners[i].thread, NULL);
		EXPECT_TRUE(runners[i].good);
	}
}

/* The virtual CPU follows its thread from CPU to CPU. */
TEST_F_TIMEOUT(host, thread_moves_between_cpus, 300)
{
	struct guest *guest = &self->guest;
	uint64_t *word = guest_alloc(4096), round;
	cpu_set_t set;

	guest_map(guest, word);
	guest_emit(guest, "\x48\xff\x07", 3);		/* incq (%rdi) */
	guest_emit_hypercall(guest);
	for (round = 0; round < 100; round++) {
		CPU_ZERO(&set);
		CPU_SET(round % sysconf(_SC_NPROCESSORS_ONLN), &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		guest->run->regs.rip = (uint64_t)guest->code;
		guest->run->regs.rdi = (uint64_t)word;
		ASSERT_EQ(0, guest_run(guest));
		ASSERT_EQ(round + 1, *word);
		/* another page at the same place: the other CPU knows the old one */
		if (round % 8 == 7) {
			ASSERT_EQ(0, madvise(word, 4096, MADV_DONTNEED));
			*word = round + 1;
		}
	}
}

static void *spin_on_the_last_cpu(void *arg)
{
	struct guest guest;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	sched_setaffinity(0, sizeof(set), &set);
	if (guest_create(&guest))
		return NULL;
	guest_emit(&guest, "\xfa\xf0\xff\x07\xeb\xfb", 6); /* cli; 1: lock incl (%rdi); jmp 1b */
	guest_map(&guest, arg);
	guest.run->regs.rdi = (uint64_t)arg;
	guest_run(&guest);
	return NULL;
}

/* They are the host's, whatever the guest is doing. */
TEST_F_TIMEOUT(host, nmis_arrive_while_the_guest_spins, 300)
{
	uint32_t *turns = guest_alloc(4096), before;
	unsigned int sent, arrived, round;
	pthread_t thread;
	FILE *file;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU cannot send itself what it waits for");
	ASSERT_TRUE(cpu_state_load());
	ASSERT_EQ(0, pthread_create(&thread, NULL, spin_on_the_last_cpu, turns));
	while (!__atomic_load_n(turns, __ATOMIC_RELAXED))
		usleep(1000);
	for (round = 0; round < 50; round++) {
		before = __atomic_load_n(turns, __ATOMIC_RELAXED);
		file = fopen("/proc/dune_nmi", "re");
		ASSERT_NE(NULL, file);
		ASSERT_EQ(2, fscanf(file, "%u %u", &sent, &arrived));
		fclose(file);
		ASSERT_GT(sent, 0);
		ASSERT_EQ(sent, arrived);
		/* and it goes on */
		while (__atomic_load_n(turns, __ATOMIC_RELAXED) == before)
			usleep(100);
	}
}

TEST_HARNESS_MAIN
