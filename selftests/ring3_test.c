// SPDX-License-Identifier: GPL-2.0-only
/* Ring 3 below the process: into it, out of it, and what it may not do. */
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/wait.h>

#include "need_dune.h"
#include "ring0.h"

#define VECTOR_BP	3
#define VECTOR_UD	6
#define VECTOR_GP	13

#define FLAG_DF		0x400UL

FIXTURE(ring3) {
	bool has_sysenter;
};

/*
 * Does the CPU have SYSENTER in 64-bit mode? Ask it outside, with a child:
 * the kernel makes something of it, but no SIGILL.
 */
static bool has_sysenter(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		asm volatile("sysenter" : : "a" (-1) : "memory");
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid &&
	       !(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
}

FIXTURE_SETUP(ring3)
{
	int err;

	self->has_sysenter = has_sysenter();
	err = ring0_enter();
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(ring3)
{
}

CODE(come_back, "mov %cs, %eax; mov %ss, %ecx; mov $7, %ebx; int $0x80");

TEST_F(ring3, iret_goes_there_and_an_interrupt_back)
{
	ring3_run(come_back, 5);
	EXPECT_TRAP(VECTOR_USER, 0, come_back, come_back_end - come_back - 1);
	EXPECT_EQ(USER_CODE, ring0_trap.cs);
	EXPECT_EQ(USER_DATA, ring0_trap.ss);
	EXPECT_EQ(USER_CODE, ring0_trap.rax);
	EXPECT_EQ(USER_DATA, ring0_trap.rcx);
	EXPECT_EQ(7, ring0_trap.rbx);
	EXPECT_EQ(5, ring0_trap.rdi);
	EXPECT_EQ(AREA_STACK - 64, ring0_trap.rsp);
	EXPECT_EQ(FLAG_IF | 2, ring0_trap.rflags);
	EXPECT_EQ(ring0_tss.ist[0] - 40, ring0_trap.handler_rsp);
}

TEST_F(ring3, an_interrupt_without_ist_takes_rsp0)
{
	ring0_idt[VECTOR_USER].ist = 0;
	ring3_run(come_back, 0);
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(ring0_tss.rsp[0] - 40, ring0_trap.handler_rsp);
}

CODE(iret_in_place, "mov %ss, %eax; mov %rsp, %rcx; push %rax; push %rcx;"
	"pushfq; mov %cs, %eax; push %rax; lea 1f(%rip), %rcx; push %rcx;"
	"iretq; 1: mov $9, %ebx; int $0x80");

TEST_F(ring3, iret_within_a_ring)
{
	EXPECT_EQ(1, ring0_run(iret_in_place, NULL));
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(KERNEL_CODE, ring0_trap.cs);
	EXPECT_EQ(9, ring0_trap.rbx);
	ring3_run(iret_in_place, 0);
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(USER_CODE, ring0_trap.cs);
	EXPECT_EQ(9, ring0_trap.rbx);
}

/* Each of these is ring 0's alone. */
static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	uint64_t error;
} forbidden[] = {
	{ "cli", "\xfa", 1, 0 },
	{ "sti", "\xfb", 1, 0 },
	{ "hlt", "\xf4", 1, 0 },
	{ "clts", "\x0f\x06", 2, 0 },
	{ "invd", "\x0f\x08", 2, 0 },
	{ "wbinvd", "\x0f\x09", 2, 0 },
	{ "lgdt (%rdi)", "\x0f\x01\x17", 3, 0 },
	{ "lidt (%rdi)", "\x0f\x01\x1f", 3, 0 },
	{ "lldt %di", "\x0f\x00\xd7", 3, 0 },
	{ "ltr %di", "\x0f\x00\xdf", 3, 0 },
	{ "lmsw %di", "\x0f\x01\xf7", 3, 0 },
	{ "invlpg (%rdi)", "\x0f\x01\x3f", 3, 0 },
	{ "swapgs", "\x0f\x01\xf8", 3, 0 },
	{ "rdmsr", "\x0f\x32", 2, 0 },
	{ "wrmsr", "\x0f\x30", 2, 0 },
	{ "rdpmc", "\x0f\x33", 2, 0 },
	{ "sysretq", "\x48\x0f\x07", 3, 0 },
	{ "in (%dx), %al", "\xec", 1, 0 },
	{ "out %al, $0xf9", "\xe6\xf9", 2, 0 },
	{ "insb", "\x6c", 1, 0 },
	{ "outsl", "\x6f", 1, 0 },
	{ "mov %cr0, %rax", "\x0f\x20\xc0", 3, 0 },
	{ "mov %rax, %cr0", "\x0f\x22\xc0", 3, 0 },
	{ "mov %cr2, %rax", "\x0f\x20\xd0", 3, 0 },
	{ "mov %rdi, %cr3", "\x0f\x22\xdf", 3, 0 },
	{ "mov %rax, %cr4", "\x0f\x22\xe0", 3, 0 },
	{ "mov %cr8, %rax", "\x44\x0f\x20\xc0", 4, 0 },
	{ "mov %rax, %cr8", "\x44\x0f\x22\xc0", 4, 0 },
	{ "mov %dr0, %rax", "\x0f\x21\xc0", 3, 0 },
	{ "mov %rdi, %dr7", "\x0f\x23\xff", 3, 0 },
	{ "int3", "\xcc", 1, VECTOR_BP << 3 | 2 },
	{ "int $0x40", "\xcd\x40", 2, 0x40 << 3 | 2 },
	{ "mov %esi, %ds", "\x8e\xde", 2, KERNEL_DATA },
};

static void run_bytes(const char *bytes, size_t len, uint64_t flags)
{
	struct ring0_frame frame = ring3_frame(bytes, bytes + len, AREA_CODE);

	frame.rflags |= flags;
	frame.rsi = KERNEL_DATA;
	ring0_run(ring0_iret, &frame);
}

TEST_F(ring3, privileged_instructions_fault)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forbidden); i++) {
		run_bytes(forbidden[i].bytes, forbidden[i].len, 0);
		EXPECT_TRAP_AT(VECTOR_GP, forbidden[i].error,
			       (int64_t)(ring0_trap.rip - AREA_CODE), 0,
			       forbidden[i].name);
		EXPECT_EQ(USER_CODE, ring0_trap.cs);
	}
}

/* Ports are not the process's to give away. */
TEST_F(ring3, iopl_gives_interrupts_but_no_ports)
{
	run_bytes("\xfa\xfb\xcd\x80", 4, FLAG_IOPL);	/* cli; sti; int */
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	run_bytes("\xfa\xcd\x80", 3, FLAG_IOPL);
	EXPECT_EQ(FLAG_IOPL, ring0_trap.rflags & (FLAG_IF | FLAG_IOPL));
	run_bytes("\xec", 1, FLAG_IOPL);		/* in (%dx), %al */
	EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
	run_bytes("\xe6\xf9", 2, FLAG_IOPL);		/* out %al, $0xf9 */
	EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
}

CODE(change_flags, "pushfq; andq $~0x200, (%rsp); orq $0x3000, (%rsp); popfq;"
	"int $0x80");

TEST_F(ring3, popf_changes_neither_if_nor_iopl)
{
	ring3_run(change_flags, 0);
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(FLAG_IF, ring0_trap.rflags & (FLAG_IF | FLAG_IOPL));
}

TEST_F(ring3, a_hypercall_is_undefined)
{
	struct dune_info info;

	ASSERT_EQ(0, dune_query_info(&info));
	run_bytes((char *)info.hypercall, info.hypercall_len, 0);
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(AREA_CODE, ring0_trap.rip);
	EXPECT_EQ(USER_CODE, ring0_trap.cs);
}

static const struct {
	const char *name;
	const char *bytes;
} instructions_of_umip[] = {
	{ "sgdt (%rdi)", "\x0f\x01\x07" },
	{ "sidt (%rdi)", "\x0f\x01\x0f" },
	{ "sldt %eax", "\x0f\x00\xc0" },
	{ "str %eax", "\x0f\x00\xc8" },
	{ "smsw %eax", "\x0f\x01\xe0" },
};

TEST_F(ring3, umip_hides_the_tables)
{
	size_t i;

	if (!can_set_cr4(CR4_UMIP))
		SKIP(return, "no UMIP");
	for (i = 0; i < ARRAY_SIZE(instructions_of_umip); i++) {
		run_bytes(instructions_of_umip[i].bytes, 3, 0);
		EXPECT_EQ(VECTOR_GP, ring0_trap.vector)
			TH_LOG("%s", instructions_of_umip[i].name);
	}
}

TEST_F(ring3, tsd_hides_the_clock)
{
	run_bytes("\x0f\x31\xcd\x80", 4, 0);		/* rdtsc; int $0x80 */
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	write_cr4(read_cr4() | CR4_TSD);
	run_bytes("\x0f\x31\xcd\x80", 4, 0);
	EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
	write_cr4(read_cr4() & ~CR4_TSD);
}

/* System calls of ring 3 reach the process; those of the process the kernel. */
static uint64_t old_star, old_lstar, old_sfmask;

static void take_syscalls(const char *entry)
{
	old_star = rdmsr(MSR_STAR);
	old_lstar = rdmsr(MSR_LSTAR);
	old_sfmask = rdmsr(MSR_SFMASK);
	wrmsr(MSR_STAR, (uint64_t)KERNEL_CODE << 32 | (uint64_t)USER_CODE32 << 48);
	wrmsr(MSR_LSTAR, (uint64_t)entry);
	wrmsr(MSR_SFMASK, FLAG_IF | FLAG_DF);
}

static void give_syscalls_back(void)
{
	wrmsr(MSR_STAR, old_star);
	wrmsr(MSR_LSTAR, old_lstar);
	wrmsr(MSR_SFMASK, old_sfmask);
}

CODE(call, "std; mov $39, %eax; syscall");

TEST_F(ring3, syscall_goes_to_ring_0)
{
	take_syscalls(ring0_syscall);
	ring3_run(call, 42);
	give_syscalls_back();
	EXPECT_EQ(VECTOR_SYSCALL, ring0_trap.vector);
	EXPECT_EQ(AREA_CODE + (call_end - call - 1), ring0_trap.rcx);
	EXPECT_EQ(FLAG_IF | FLAG_DF | 2, ring0_trap.r11);
	EXPECT_EQ(2, ring0_trap.rflags);
	EXPECT_EQ(KERNEL_CODE, ring0_trap.cs);
	EXPECT_EQ(KERNEL_DATA, ring0_trap.ss);
	EXPECT_EQ(AREA_STACK - 64, ring0_trap.rsp);
	EXPECT_EQ(39, ring0_trap.rax);
	EXPECT_EQ(42, ring0_trap.rdi);
	/* and the process's own still work */
	EXPECT_EQ(getpid(), (int)syscall(39));
}

CODE(call_twice, "syscall; syscall; mov %cs, %eax; mov %ss, %ebx; int $0x80");
CODE(return_at_once, "inc %rdi; mov %cs, %r8d; sysretq");

TEST_F(ring3, sysret_goes_back)
{
	take_syscalls(return_at_once);
	ring3_run(call_twice, 1);
	give_syscalls_back();
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(3, ring0_trap.rdi);
	EXPECT_EQ(KERNEL_CODE, ring0_trap.r8);
	EXPECT_EQ(USER_CODE, ring0_trap.rax);
	EXPECT_EQ(USER_DATA, ring0_trap.rbx);
	EXPECT_EQ(USER_CODE, ring0_trap.cs);
	EXPECT_EQ(FLAG_IF | 2, ring0_trap.rflags);
}

CODE(do_syscall, "syscall");

TEST_F(ring3, syscall_may_be_turned_off)
{
	uint64_t efer = rdmsr(MSR_EFER);

	wrmsr(MSR_EFER, efer & ~1UL);
	EXPECT_EQ(efer & ~1UL, rdmsr(MSR_EFER));
	ring3_run(do_syscall, 0);
	wrmsr(MSR_EFER, efer);
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(AREA_CODE, ring0_trap.rip);
}

CODE(enter, "mov $39, %eax; sysenter");
CODE(leave, "mov (%rdi), %rdx; mov 24(%rdi), %rcx; sysexitq");

TEST_F(ring3, sysenter_and_sysexit)
{
	struct ring0_frame frame;

	wrmsr(MSR_SYSENTER_CS, KERNEL_CODE);
	wrmsr(MSR_SYSENTER_ESP, (uint64_t)(ring0_stack + STACK_SIZE));
	wrmsr(MSR_SYSENTER_EIP, (uint64_t)ring0_sysenter);
	ring3_run(enter, 0);
	if (!self->has_sysenter) {
		EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
		SKIP(return, "no SYSENTER in 64-bit mode");
	}
	EXPECT_EQ(VECTOR_SYSENTER, ring0_trap.vector);
	EXPECT_EQ(KERNEL_CODE, ring0_trap.cs);
	EXPECT_EQ(KERNEL_DATA, ring0_trap.ss);
	EXPECT_EQ(39, ring0_trap.rax);
	EXPECT_EQ(0, ring0_trap.rflags & FLAG_IF);

	/* SYSEXIT takes RIP from RDX and RSP from RCX */
	frame = ring3_frame(come_back, come_back_end, 0);
	EXPECT_EQ(1, ring0_run(leave, &frame));
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(3, ring0_trap.cs & 3);
	EXPECT_EQ(AREA_STACK - 64, ring0_trap.rsp);
}

CODE(read_gs, "mov %gs:0, %rax; int $0x80");
CODE(swap_and_return, "swapgs; mov %gs:0, %rbx; swapgs; sysretq");
CODE(read_both, "syscall; mov %gs:0, %rax; int $0x80");

TEST_F(ring3, swapgs_keeps_two_bases)
{
	uint64_t of_ring_0 = 0x1111, *of_ring_3;

	of_ring_3 = (uint64_t *)ring0_user_stack;
	of_ring_3[0] = 0x3333;
	wrmsr(MSR_GS_BASE, AREA_STACK - PAGE);
	wrmsr(MSR_KERNEL_GS_BASE, (uint64_t)&of_ring_0);
	ring3_run(read_gs, 0);
	EXPECT_EQ(0x3333, ring0_trap.rax);

	take_syscalls(swap_and_return);
	ring3_run(read_both, 0);
	give_syscalls_back();
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(0x1111, ring0_trap.rbx);
	EXPECT_EQ(0x3333, ring0_trap.rax);

	asm volatile("swapgs");
	EXPECT_EQ((uint64_t)&of_ring_0, rdmsr(MSR_GS_BASE));
	EXPECT_EQ(AREA_STACK - PAGE, rdmsr(MSR_KERNEL_GS_BASE));
}

CODE(bases, "wrfsbase %rdi; add $1, %rdi; wrgsbase %rdi;"
	"rdfsbase %rax; rdgsbase %rbx; int $0x80");

TEST_F(ring3, bases_of_segments)
{
	if (!can_set_cr4(CR4_FSGSBASE))
		SKIP(return, "no FSGSBASE");
	ring3_run(bases, 0x123456789000);
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(0x123456789000, ring0_trap.rax);
	EXPECT_EQ(0x123456789001, ring0_trap.rbx);
	EXPECT_EQ(0x123456789001, rdmsr(MSR_GS_BASE));
	write_cr4(read_cr4() & ~CR4_FSGSBASE);
	EXPECT_RING3_TRAPS(VECTOR_UD, 0, bases, 0);
}

/* One byte that is an instruction in 32-bit code and a prefix in 64-bit. */
CODE(code_of_32_bits, ".code32; xor %eax, %eax; inc %eax; nop; int $0x80;"
	".code64");

TEST_F(ring3, code_of_32_bits)
{
	struct ring0_frame frame;

	/* libdune maps the process there, and it has nothing there */
	ASSERT_EQ(0, ring0_root[0]);
	frame = ring3_frame(code_of_32_bits, code_of_32_bits_end, 0);
	ring0_map(AREA_LOW, ring0_user_code, PTE_PRESENT | PTE_USER);
	ring0_map(AREA_LOW + PAGE, ring0_user_stack,
		  PTE_PRESENT | PTE_WRITE | PTE_USER);
	frame.cs = USER_CODE32;
	frame.rip = AREA_LOW;
	frame.rsp = AREA_LOW + 2 * PAGE;
	ring0_run(ring0_iret, &frame);
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(USER_CODE32, ring0_trap.cs);
	EXPECT_EQ(1, ring0_trap.rax);
	EXPECT_EQ(AREA_LOW + 2 * PAGE, ring0_trap.rsp);
}

TEST_HARNESS_MAIN
