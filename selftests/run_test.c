// SPDX-License-Identifier: GPL-2.0-only
/* Running a virtual CPU: what comes out, what is refused, what ends it. */
#include "kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"
#include "need_dune.h"

FIXTURE(run) {
	struct guest guest;
};

FIXTURE_SETUP(run)
{
	ASSERT_EQ(0, guest_create(&self->guest));
}

FIXTURE_TEARDOWN(run)
{
	guest_destroy(&self->guest);
}

static void emit_mov_eax(struct guest *guest, uint32_t value)
{
	guest_emit(guest, "\xb8", 1);
	guest_emit(guest, &value, sizeof(value));
}

TEST_F(run, hypercall_returns_the_registers)
{
	struct guest *guest = &self->guest;

	emit_mov_eax(guest, 39);
	guest_emit(guest, "\x8c\xcb", 2);		/* mov %cs, %ebx */
	guest_emit_hypercall(guest);
	guest->run->regs.rdi = 0x1122334455667788;
	guest->run->regs.r15 = 0x8877665544332211;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(39, guest->run->regs.rax);
	EXPECT_EQ(0, guest->run->regs.rbx & 3);		/* ring 0 */
	EXPECT_EQ(0x1122334455667788, guest->run->regs.rdi);
	EXPECT_EQ(0x8877665544332211, guest->run->regs.r15);
	/* it goes on behind the instruction */
	EXPECT_EQ((uint64_t)guest->code_end, guest->run->regs.rip);
}

TEST_F(run, goes_on_with_changed_registers)
{
	struct guest *guest = &self->guest;

	guest_emit_hypercall(guest);
	guest_emit(guest, "\x48\xff\xc0", 3);		/* inc %rax */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	guest->run->regs.rax = 41;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(42, guest->run->regs.rax);
}

TEST_F(run, uses_its_own_page_table)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\x0f\x20\xd8", 3);		/* mov %cr3, %rax */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(guest_physical(guest, guest->tables[0]),
		  guest->run->regs.rax);
}

TEST_F(run, keeps_floating_point_registers)
{
	struct guest *guest = &self->guest;
	double value = 1.5, result = 0;

	guest_emit(guest, "\xf2\x0f\x58\xc0", 4);	/* addsd %xmm0, %xmm0 */
	guest_emit_hypercall(guest);
	/* in and out with the thread's own registers, nothing in between */
	asm volatile("movsd %1, %%xmm0\n\t"
		     "1: mov %2, %%edi\n\t"
		     "mov %3, %%esi\n\t"
		     "mov $16, %%eax\n\t"
		     "syscall\n\t"
		     "cmpl $2, %4\n\t"
		     "je 1b\n\t"
		     "movsd %%xmm0, %0"
		     : "=m" (result)
		     : "m" (value), "r" (guest->vcpu), "i" ((int)DUNE_RUN),
		       "m" (guest->run->exit_reason)
		     : "rax", "rcx", "rdx", "rdi", "rsi", "r11", "xmm0",
		       "memory", "cc");
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(3, (int)result);
}

TEST_F(run, cpuid_hides_virtualization)
{
	struct guest *guest = &self->guest;

	emit_mov_eax(guest, 1);
	guest_emit(guest, "\x0f\xa2", 2);		/* cpuid */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	ASSERT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(0, guest->run->regs.rcx & 1 << 5);
	EXPECT_EQ(0, guest->run->regs.rcx & 1 << 3);	/* MONITOR */

	guest_reset_code(guest);
	emit_mov_eax(guest, 0x80000001);
	guest_emit(guest, "\x0f\xa2", 2);
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(0, guest->run->regs.rcx & 1 << 2);
}

TEST_F(run, refuses_flags)
{
	uint32_t flags;

	for (flags = 1; flags; flags <<= 1) {
		if (flags & DUNE_RUN_DIRECT_SYSCALLS)
			continue;
		self->guest.run->flags = flags;
		EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_RUN));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(run, refuses_vectors_of_exceptions)
{
	static const uint32_t bad[] = { 1, 14, 31, 256, 0xffffffff };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->guest.run->interrupt = bad[i];
		EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_RUN));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(run, run_page_maps_one_way_only)
{
	int fd = self->guest.vcpu;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_EXEC,
				   MAP_SHARED, fd, 0));
	/* newer kernels refuse that themselves */
	EXPECT_TRUE(errno == EINVAL || errno == EPERM);
}

TEST_F(run, run_page_is_mapped_once)
{
	int fd = self->guest.vcpu;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EBUSY, errno);
	munmap(self->guest.run, 4096);
	self->guest.run = NULL;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EBUSY, errno);
}

TEST_F(run, another_process_gets_eio)
{
	struct dune_window window = { 0 };
	struct dune_state state;
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = self->guest.vcpu;

		if (!ioctl(fd, DUNE_RUN) || errno != EIO)
			_exit(1);
		if (!ioctl(fd, DUNE_GET_STATE, &state) || errno != EIO)
			_exit(2);
		if (!ioctl(fd, DUNE_GET_WINDOW, &window) || errno != EIO)
			_exit(3);
		if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) !=
		    MAP_FAILED || errno != EIO)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Only to be interrupted. */
static void on_signal(int signal)
{
}

/* Whoever looks at the virtual CPU keeps it for that moment. */
static void *run_forever(void *arg)
{
	while (guest_run(arg) && errno == EBUSY)
		;
	return NULL;
}

TEST_F(run, a_second_thread_gets_ebusy)
{
	struct guest *guest = &self->guest;
	pthread_t thread;
	int tries;

	guest_emit(guest, "\xeb\xfe", 2);		/* jmp . */
	signal(SIGUSR1, on_signal);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_forever, guest));
	for (tries = 0; tries < 1000; tries++) {
		struct dune_state state;

		if (ioctl(guest->vcpu, DUNE_GET_STATE, &state))
			break;
		usleep(1000);
	}
	EXPECT_LT(tries, 1000);
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(guest->vcpu, DUNE_RUN));
	EXPECT_EQ(EBUSY, errno);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
}

static void interrupt_after(int milliseconds)
{
	struct itimerval timer = {
		.it_value.tv_usec = milliseconds * 1000,
	};

	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &timer, NULL);
}

TEST_F(run, halt_sleeps_until_a_signal)
{
	struct guest *guest = &self->guest;
	struct timespec before, after;

	guest_emit(guest, "\xf4", 1);			/* hlt */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	interrupt_after(200);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ((uint64_t)guest->code_end, guest->run->regs.rip);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	EXPECT_EQ(before.tv_sec, after.tv_sec);
}

TEST_F(run, an_endless_loop_is_interrupted)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\xeb\xfe", 2);		/* jmp . */
	interrupt_after(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ((uint64_t)guest->code, guest->run->regs.rip);
}

TEST_F(run, so_is_one_with_interrupts_off)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\xfa\xeb\xfe", 3);		/* cli; jmp . */
	interrupt_after(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(0, guest->run->regs.rflags & 0x200);
}

TEST_F(run, a_loop_with_interrupts_off_is_killed)
{
	struct guest *guest = &self->guest;
	time_t start = time(NULL);
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		struct guest own;

		if (guest_create(&own))
			_exit(1);
		guest_emit(&own, "\xfa\xeb\xfe", 3);
		guest_run(&own);
		_exit(2);
	}
	usleep(200000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_LT(time(NULL) - start, 5);
	/* and ours still works */
	guest_emit_hypercall(guest);
	EXPECT_EQ(0, guest_run(guest));
}

/* Ring 0 is not to do any of this. Without an IDT an exception ends it. */
static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} forbidden[] = {
	{ "ud2", "\x0f\x0b", 2 },
	{ "in (%dx), %al", "\xec", 1 },
	{ "out %al, $0xcf9", "\x66\xba\xf9\x0c\xb0\x06\xee", 7 },
	{ "rdmsr of a firmware MSR", "\xb9\x3a\x00\x00\x00\x0f\x32", 7 },
	{ "clearing EFER.LME",
	  "\xb9\x80\x00\x00\xc0\x0f\x32\x0f\xba\xf0\x08\x0f\x30", 13 },
	{ "setting EFER.SVME",
	  "\xb9\x80\x00\x00\xc0\x0f\x32\x0f\xba\xe8\x0c\x0f\x30", 13 },
	{ "rdmsr of energy counters", "\xb9\x11\x06\x00\x00\x0f\x32", 7 },
	{ "wrmsr of the APIC base", "\xb9\x1b\x00\x00\x00\x0f\x30", 7 },
	{ "invd", "\x0f\x08", 2 },
	{ "wbinvd", "\x0f\x09", 2 },
	{ "rdpmc", "\x31\xc9\x0f\x33", 4 },
	{ "xsetbv without x87", "\x31\xc9\x31\xd2\x31\xc0\x0f\x01\xd1", 9 },
	{ "xsetbv with AVX without SSE",
	  "\x31\xc9\x31\xd2\xb8\x05\x00\x00\x00\x0f\x01\xd1", 12 },
	{ "xsetbv of another register",
	  "\xb9\x01\x00\x00\x00\x31\xd2\xb8\x01\x00\x00\x00\x0f\x01\xd1", 15 },
	{ "monitor", "\x0f\x01\xc8", 3 },
	{ "mwait", "\x0f\x01\xc9", 3 },
	{ "setting DR7.GD", "\xb8\x00\x24\x00\x00\x0f\x23\xf8", 8 },
	{ "high bits of DR6", "\x48\xc7\xc0\xf0\x0f\xff\xff\x0f\x23\xf0", 10 },
	{ "DR8", "\x44\x0f\x21\xc0", 4 },
	{ "CR8 beyond 15", "\xb8\x10\x00\x00\x00\x44\x0f\x22\xc0", 9 },
	{ "CR1", "\x0f\x20\xc8", 3 },
	{ "setting CR0.EM by lmsw", "\xb8\x04\x00\x00\x00\x0f\x01\xf0", 8 },
	{ "vmlaunch", "\x0f\x01\xc2", 3 },
	{ "vmxoff", "\x0f\x01\xc4", 3 },
	{ "vmrun", "\x31\xc0\x0f\x01\xd8", 5 },
	{ "vmload", "\x31\xc0\x0f\x01\xda", 5 },
	{ "vmsave", "\x31\xc0\x0f\x01\xdb", 5 },
	{ "stgi", "\x0f\x01\xdc", 3 },
	{ "clgi", "\x0f\x01\xdd", 3 },
	{ "skinit", "\x0f\x01\xde", 3 },
	{ "invlpga", "\x0f\x01\xdf", 3 },
	{ "clearing CR0.PG", "\x0f\x20\xc0\x0f\xba\xf0\x1f\x0f\x22\xc0", 10 },
	{ "setting CR0.CD", "\x0f\x20\xc0\x0f\xba\xe8\x1e\x0f\x22\xc0", 10 },
	{ "setting CR4.VMXE", "\x0f\x20\xe0\x0f\xba\xe8\x0d\x0f\x22\xe0", 10 },
	{ "clearing CR4.PAE", "\x0f\x20\xe0\x0f\xba\xf0\x05\x0f\x22\xe0", 10 },
	{ "an address that is not canonical",
	  "\x48\xb8\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x00", 12 },
	{ "int3 without an IDT", "\xcc", 1 },
	{ "int $0x80 without an IDT", "\xcd\x80", 2 },
	{ "int1", "\xf1", 1 },
};

/* The virtual CPU can start over, with a harmless instruction. */
static bool starts_over(struct guest *guest, const struct dune_state *state)
{
	guest_reset_code(guest);
	if (ioctl(guest->vcpu, DUNE_SET_STATE, state))
		return false;
	guest_emit(guest, "\x90", 1);			/* nop */
	guest_emit_hypercall(guest);
	return !guest_run(guest) &&
	       guest->run->exit_reason == DUNE_EXIT_SYSCALL;
}

TEST_F(run, forbidden_instructions_end_the_guest_only)
{
	struct guest *guest = &self->guest;
	struct dune_state state;
	size_t i;

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	for (i = 0; i < ARRAY_SIZE(forbidden); i++) {
		guest_reset_code(guest);
		ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
		guest_emit(guest, forbidden[i].bytes, forbidden[i].len);
		/* if it comes this far it was allowed */
		guest_emit_hypercall(guest);
		ASSERT_EQ(0, guest_run(guest));
		EXPECT_EQ(DUNE_EXIT_SHUTDOWN, guest->run->exit_reason)
			TH_LOG("%s: reason %u, hardware %llx", forbidden[i].name,
			       guest->run->exit_reason,
			       guest->run->hardware_reason);
		ASSERT_TRUE(starts_over(guest, &state))
			TH_LOG("after %s", forbidden[i].name);
	}
}

TEST_F(run, a_page_table_that_is_nowhere_ends_the_guest_only)
{
	struct guest *guest = &self->guest;
	struct dune_state state;

	guest_emit_hypercall(guest);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.cr3 = ((1ULL << guest->info.guest_phys_bits) - 4096) &
		    ~WINDOW_MASK;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN, guest->run->exit_reason);
}

TEST_HARNESS_MAIN
