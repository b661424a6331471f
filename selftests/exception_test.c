// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that the process takes in handlers of its own. */
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/wait.h>

#include "need_dune.h"
#include "ring0.h"

#define VECTOR_DE	0
#define VECTOR_DB	1
#define VECTOR_BP	3
#define VECTOR_UD	6
#define VECTOR_NM	7
#define VECTOR_DF	8
#define VECTOR_NP	11
#define VECTOR_SS	12
#define VECTOR_GP	13
#define VECTOR_PF	14
#define VECTOR_MF	16
#define VECTOR_AC	17

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_RESERVED	8
#define PF_FETCH	16

#define DR6_FIXED	0xffff0ff0UL
#define DR6_STEP	0x4000UL
#define DR7_FIXED	0x400UL

FIXTURE(exception) {
	uint8_t *page;		/* of the process, read and written */
	bool checks_alignment;
};

/* Does the CPU? Ask it outside, with a child: not all emulators do. */
static bool checks_alignment(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		asm volatile("pushfq\n\t"
			     "orq $0x40000, (%%rsp)\n\t"
			     "popfq\n\t"
			     "mov 1(%%rsp), %%rax" : : : "rax", "memory");
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGBUS;
}

FIXTURE_SETUP(exception)
{
	int err;

	self->checks_alignment = checks_alignment();
	err = ring0_enter();
	ASSERT_EQ(0, err);
	self->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->page);
	self->page[0] = 0xc3;				/* ret */
}

FIXTURE_TEARDOWN(exception)
{
}

CODE(divide_by_zero, "xor %edx, %edx; xor %ecx, %ecx; div %ecx");
CODE(breakpoint, "int3");
CODE(step_by_itself, ".byte 0xf1");
CODE(undefined, "ud2");
CODE(bad_lock, ".byte 0xf0, 0x90");
CODE(read_byte, "mov (%rdi), %al");
CODE(write_byte, "movb $0xc3, (%rdi)");
CODE(jump, "jmp *%rdi");
CODE(load_data_segment, "mov %edi, %ds");
CODE(load_stack_segment, "mov %edi, %ss");
CODE(interrupt_40, "int $0x40");
CODE(do_nothing, "nop");
CODE(read_msr_10, "mov $0x10, %ecx; rdmsr");
CODE(use_sse, "addsd %xmm0, %xmm0");
CODE(divide_x87, "fninit; movw $0, (%rdi); fldcw (%rdi); fldz; fldz; fdivrp; fwait");
CODE(read_unaligned, "mov 1(%rdi), %rax");

TEST_F(exception, divide_error)
{
	EXPECT_EQ(1, ring0_run(divide_by_zero, NULL));
	EXPECT_TRAP(VECTOR_DE, 0, divide_by_zero, 4);
}

/* So that IRET goes on with the instruction, whatever breakpoint is there. */
TEST_F(exception, faults_set_rf)
{
	EXPECT_EQ(1, ring0_run(undefined, NULL));
	EXPECT_EQ(FLAG_RF, ring0_trap.rflags & FLAG_RF);
	EXPECT_EQ(1, ring0_run(read_msr_10, NULL));
	EXPECT_EQ(FLAG_RF, ring0_trap.rflags & FLAG_RF);
	EXPECT_EQ(1, ring0_run(breakpoint, NULL));
	EXPECT_EQ(0, ring0_trap.rflags & FLAG_RF);
}

/* What the CPU pushes beside the place. */
TEST_F(exception, the_frame_is_complete)
{
	EXPECT_EQ(1, ring0_run(undefined, (void *)0x1122334455667788));
	EXPECT_EQ(KERNEL_CODE, ring0_trap.cs);
	EXPECT_EQ(KERNEL_DATA, ring0_trap.ss);
	EXPECT_EQ(FLAG_IF, ring0_trap.rflags & (FLAG_IF | FLAG_TF | FLAG_IOPL));
	/* where CALL put the way back */
	EXPECT_GT((uint64_t)__builtin_frame_address(0), ring0_trap.rsp);
	EXPECT_EQ(8, ring0_trap.rsp & 15);
	EXPECT_EQ(0x1122334455667788, ring0_trap.rdi);
	/* no error code: five words below the stack of the IST */
	EXPECT_EQ(ring0_tss.ist[0] - 40, ring0_trap.handler_rsp);

	EXPECT_EQ(1, ring0_run(read_byte, (void *)NOT_CANONICAL));
	EXPECT_EQ(ring0_tss.ist[0] - 40, ring0_trap.handler_rsp);
}

TEST_F(exception, without_ist_it_goes_on_the_same_stack_aligned)
{
	ring0_idt[VECTOR_UD].ist = 0;
	EXPECT_EQ(1, ring0_run(undefined, NULL));
	EXPECT_TRAP(VECTOR_UD, 0, undefined, 0);
	EXPECT_EQ((ring0_trap.rsp & -16UL) - 40, ring0_trap.handler_rsp);
}

TEST_F(exception, breakpoints_point_behind_the_instruction)
{
	EXPECT_EQ(1, ring0_run(breakpoint, NULL));
	EXPECT_TRAP(VECTOR_BP, 0, breakpoint, 1);
	EXPECT_EQ(1, ring0_run(step_by_itself, NULL));
	EXPECT_TRAP(VECTOR_DB, 0, step_by_itself, 1);
	EXPECT_EQ(1, ring0_run(interrupt_40, NULL));
	EXPECT_TRAP(0x40, 0, interrupt_40, 2);
}

TEST_F(exception, undefined_instructions)
{
	EXPECT_RUN_TRAPS(VECTOR_UD, 0, undefined, 0);
	EXPECT_RUN_TRAPS(VECTOR_UD, 0, bad_lock, 0);
}

TEST_F(exception, general_protection)
{
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, read_byte, NOT_CANONICAL);
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, write_byte, NOT_CANONICAL);
	/* the module's, not the CPU's */
	EXPECT_EQ(1, ring0_run(read_msr_10, NULL));
	EXPECT_TRAP(VECTOR_GP, 0, read_msr_10, 5);
	/* a selector behind the table, and one of the wrong kind */
	EXPECT_RUN_TRAPS(VECTOR_GP, 0x1000, load_data_segment, 0x1000);
	EXPECT_RUN_TRAPS(VECTOR_GP, TSS_SELECTOR, load_data_segment,
			 TSS_SELECTOR);
}

TEST_F(exception, stack_and_segment_faults)
{
	ring0_gdt[SPARE_SELECTOR / 8] = ring0_gdt[KERNEL_DATA / 8] &
					~(1UL << 47);
	EXPECT_RUN_TRAPS(VECTOR_NP, SPARE_SELECTOR, load_data_segment,
			 SPARE_SELECTOR);
	EXPECT_RUN_TRAPS(VECTOR_SS, SPARE_SELECTOR, load_stack_segment,
			 SPARE_SELECTOR);
}

TEST_F(exception, gates_that_are_missing)
{
	/* bit 1: in the IDT; bit 0: not the program's own doing */
	ring0_idt[0x40].type = 0x0e;
	EXPECT_RUN_TRAPS(VECTOR_NP, 0x40 << 3 | 2, interrupt_40, 0);
	ring0_load_idt(0x40 * 16 - 1);
	EXPECT_RUN_TRAPS(VECTOR_GP, 0x40 << 3 | 2, interrupt_40, 0);
}

TEST_F(exception, double_fault)
{
	/* once before: QEMU forgets the first if a nested fault comes between */
	EXPECT_EQ(1, ring0_run(load_data_segment, (void *)TSS_SELECTOR));
	ring0_idt[VECTOR_GP].type = 0x0e;
	EXPECT_RUN_TRAPS(VECTOR_DF, 0, load_data_segment, TSS_SELECTOR);
}

/* In its own page table. */
TEST_F(exception, page_faults_tell_address_and_reason)
{
	const uint64_t address = AREA_FREE + 0x123;
	uint64_t *entry = ring0_map(AREA_FREE, self->page, 0);

	EXPECT_RUN_TRAPS(VECTOR_PF, 0, read_byte, address);
	EXPECT_EQ(address, ring0_trap.cr2);
	EXPECT_RUN_TRAPS(VECTOR_PF, PF_WRITE, write_byte, address + 1);
	EXPECT_EQ(address + 1, ring0_trap.cr2);

	*entry |= PTE_PRESENT;
	EXPECT_RUN_TRAPS(VECTOR_PF, PF_PRESENT | PF_WRITE, write_byte, address);

	*entry |= PTE_NX;
	flush_page(AREA_FREE);
	EXPECT_EQ(1, ring0_run(jump, (void *)AREA_FREE));
	EXPECT_TRAP(VECTOR_PF, PF_PRESENT | PF_FETCH, jump,
		    (int64_t)(AREA_FREE - (uint64_t)jump));
	EXPECT_EQ(AREA_FREE, ring0_trap.cr2);

	EXPECT_RING3_TRAPS(VECTOR_PF, PF_PRESENT | PF_USER, read_byte, address);
	EXPECT_RING3_TRAPS(VECTOR_PF, PF_PRESENT | PF_USER | PF_WRITE,
			   write_byte, address);
	*entry = 0;
	flush_page(AREA_FREE);
	EXPECT_RING3_TRAPS(VECTOR_PF, PF_USER, read_byte, address);
}

TEST_F(exception, reserved_bits_fault)
{
	uint64_t *entry = ring0_entry(ring0_root, AREA_FREE, 2);

	/* bits 13 to 20 of an entry of 2 MiB must be zero */
	*entry = PTE_PRESENT | PTE_LARGE | 1UL << 13;
	EXPECT_EQ(1, ring0_run(read_byte, (void *)AREA_FREE));
	EXPECT_EQ(VECTOR_PF, ring0_trap.vector);
	/* QEMU leaves PF_PRESENT out */
	EXPECT_EQ(in_qemu() ? PF_RESERVED : PF_RESERVED | PF_PRESENT,
		  ring0_trap.error_code);
}

/* In the process's: no VMA, or one with less rights. */
TEST_F(exception, memory_that_the_process_has_not)
{
	uint64_t address = (uint64_t)self->page;

	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
	EXPECT_EQ(0, ring0_run(read_byte, self->page));
	EXPECT_RUN_TRAPS(VECTOR_PF, PF_WRITE, write_byte, address);
	EXPECT_EQ(address, ring0_trap.cr2);
	EXPECT_EQ(1, ring0_run(jump, self->page));
	EXPECT_TRAP(VECTOR_PF, PF_FETCH, jump,
		    (int64_t)(address - (uint64_t)jump));

	ASSERT_EQ(0, munmap(self->page, PAGE));
	EXPECT_RUN_TRAPS(VECTOR_PF, 0, read_byte, address + 8);
	EXPECT_EQ(address + 8, ring0_trap.cr2);
}

/* The stack of the handler has to be brought in while it is delivered. */
TEST_F(exception, the_handlers_stack_may_be_absent)
{
	uint8_t *stack = ring0_stack + 15 * PAGE;
	static const struct {
		const char *code;
		uint64_t arg, vector;
		int64_t offset;
	} tries[] = {
		{ undefined, 0, VECTOR_UD, 0 },
		{ breakpoint, 0, VECTOR_BP, 1 },
		{ step_by_itself, 0, VECTOR_DB, 1 },
		{ interrupt_40, 0, 0x40, 2 },
		{ read_byte, NOT_CANONICAL, VECTOR_GP, 0 },
		{ read_byte, AREA_FREE + 0x456, VECTOR_PF, 0 },
		{ read_msr_10, 0, VECTOR_GP, 5 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		ASSERT_EQ(0, madvise(stack, PAGE, MADV_DONTNEED));
		EXPECT_EQ(1, ring0_run(tries[i].code, (void *)tries[i].arg));
		EXPECT_EQ(tries[i].vector, ring0_trap.vector)
			TH_LOG("try %zu", i);
		EXPECT_EQ(tries[i].offset, trap_offset(tries[i].code))
			TH_LOG("try %zu", i);
		EXPECT_EQ(0, ring0_trap.error_code);
		EXPECT_EQ(KERNEL_CODE, ring0_trap.cs);
	}
	/* the last but one; nothing since changed it */
	EXPECT_EQ(AREA_FREE + 0x456, ring0_trap.cr2);
}

TEST_F(exception, device_not_available)
{
	write_cr0(read_cr0() | CR0_TS);
	EXPECT_RUN_TRAPS(VECTOR_NM, 0, use_sse, 0);
	asm volatile("clts");
	EXPECT_EQ(0, ring0_run(use_sse, NULL));
}

TEST_F(exception, floating_point)
{
	EXPECT_EQ(1, ring0_run(divide_x87, self->page));
	asm volatile("fninit");
	EXPECT_EQ(VECTOR_MF, ring0_trap.vector);
}

TEST_F(exception, alignment_check)
{
	struct ring0_frame frame;

	if (!self->checks_alignment)
		SKIP(return, "this CPU does not check alignment");
	ring0_map(AREA_FREE, self->page, PTE_PRESENT | PTE_USER);
	frame = ring3_frame(read_unaligned, read_unaligned_end, AREA_FREE);
	frame.rflags |= FLAG_AC;
	write_cr0(read_cr0() | CR0_AM);
	ring0_run(ring0_iret, &frame);
	EXPECT_TRAP(VECTOR_AC, 0, read_unaligned, 0);
	EXPECT_EQ(USER_CODE, ring0_trap.cs);

	/* not without the bit of CR0; the return at the end then faults */
	write_cr0(read_cr0() & ~CR0_AM);
	ring0_run(ring0_iret, &frame);
	EXPECT_NE(VECTOR_AC, ring0_trap.vector);
	/* and never in ring 0 */
	write_cr0(read_cr0() | CR0_AM);
	asm volatile("pushfq; orq $0x40000, (%%rsp); popfq" : : : "memory");
	EXPECT_EQ(0, ring0_run(read_unaligned, self->page));
	asm volatile("pushfq; andq $~0x40000, (%%rsp); popfq" : : : "memory");
}

CODE(step_over_nop, "pushfq; orq $0x100, (%rsp); popfq; nop; nop");
CODE(step_over_cpuid, "pushfq; orq $0x100, (%rsp); popfq; cpuid; nop");
CODE(step_over_move, "pushfq; orq $0x100, (%rsp); popfq; mov %cr8, %rax; nop");
CODE(step_over_memory, "pushfq; orq $0x100, (%rsp); popfq; mov (%rdi), %al; nop");
/* PUSHFQ, ORQ with four bytes of constant, POPFQ */
#define STEP_START 10

TEST_F(exception, single_step)
{
	write_dr6(0);
	EXPECT_EQ(1, ring0_run(step_over_nop, NULL));
	EXPECT_TRAP(VECTOR_DB, 0, step_over_nop, STEP_START + 1);
	EXPECT_EQ(DR6_FIXED | DR6_STEP, read_dr6());
	EXPECT_EQ(FLAG_TF, ring0_trap.rflags & FLAG_TF);
}

TEST_F(exception, single_step_over_what_the_module_does)
{
	EXPECT_EQ(1, ring0_run(step_over_cpuid, NULL));
	EXPECT_TRAP(VECTOR_DB, 0, step_over_cpuid, STEP_START + 2);
	EXPECT_EQ(DR6_FIXED | DR6_STEP, read_dr6());
	write_dr6(0);
	EXPECT_EQ(1, ring0_run(step_over_move, NULL));
	EXPECT_TRAP(VECTOR_DB, 0, step_over_move, STEP_START + 4);
	EXPECT_EQ(DR6_FIXED | DR6_STEP, read_dr6());
	/* an instruction that is begun anew after a nested fault */
	ASSERT_EQ(0, madvise(self->page, PAGE, MADV_DONTNEED));
	EXPECT_EQ(1, ring0_run(step_over_memory, self->page));
	EXPECT_TRAP(VECTOR_DB, 0, step_over_memory, STEP_START + 2);
}

/* Breakpoint number, its kind in DR7 (0 execute, 1 write, 3 access), length. */
static uint64_t dr7_for(int number, int kind, int length)
{
	return DR7_FIXED | 2UL << 2 * number |
	       (uint64_t)(kind | (length - 1) << 2) << (16 + 4 * number);
}

TEST_F(exception, instruction_breakpoints)
{
	write_dr6(0);
	write_dr1((uint64_t)do_nothing);
	write_dr7(dr7_for(1, 0, 1));
	EXPECT_RUN_TRAPS(VECTOR_DB, 0, do_nothing, 0);
	EXPECT_EQ(DR6_FIXED | 2, read_dr6());
	write_dr7(DR7_FIXED);
	EXPECT_EQ(0, ring0_run(do_nothing, NULL));
}

TEST_F(exception, data_breakpoints)
{
	uint64_t address = (uint64_t)self->page + 8;

	write_dr6(0);
	write_dr0(address);
	write_dr7(dr7_for(0, 1, 4));
	EXPECT_EQ(0, ring0_run(read_byte, (void *)address));
	EXPECT_EQ(0, ring0_run(write_byte, (void *)(address - 1)));
	EXPECT_EQ(1, ring0_run(write_byte, (void *)(address + 3)));
	/* behind the instruction */
	EXPECT_TRAP(VECTOR_DB, 0, write_byte, 3);
	EXPECT_EQ(DR6_FIXED | 1, read_dr6());
	EXPECT_EQ(0xc3, self->page[11]);

	write_dr3(address);
	write_dr7(dr7_for(3, 3, 1));
	write_dr6(0);
	EXPECT_EQ(1, ring0_run(read_byte, (void *)address));
	EXPECT_TRAP(VECTOR_DB, 0, read_byte, 2);
	EXPECT_EQ(8, read_dr6() & 15);
	write_dr7(DR7_FIXED);
}

/* A system call goes through the kernel, which has debug registers too. */
TEST_F(exception, breakpoints_are_the_guests_own)
{
	write_dr2((uint64_t)self->page);
	write_dr7(dr7_for(2, 3, 1));
	usleep(1000);
	EXPECT_EQ((uint64_t)self->page, read_dr2());
	EXPECT_EQ(dr7_for(2, 3, 1), read_dr7());
	EXPECT_EQ(1, ring0_run(read_byte, self->page));
	EXPECT_EQ(VECTOR_DB, ring0_trap.vector);
	/* the kernel's own access, for the process, is none of the guest's */
	EXPECT_EQ(-1, write(-1, self->page, 1));
	write_dr7(DR7_FIXED);
}

TEST_HARNESS_MAIN
