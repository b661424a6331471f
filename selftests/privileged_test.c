// SPDX-License-Identifier: GPL-2.0-only
/* Privileged registers and instructions, as ring 0 of the guest has them. */
#include "kselftest_harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "need_dune.h"
#include "ring0.h"

#define VECTOR_DB	1
#define VECTOR_UD	6
#define VECTOR_NM	7
#define VECTOR_GP	13

#define EFER_SCE	(1UL << 0)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)
#define EFER_NX		(1UL << 11)

FIXTURE(privileged) {
	int unused;
};

FIXTURE_SETUP(privileged)
{
	ASSERT_EQ(0, ring0_enter());
}

FIXTURE_TEARDOWN(privileged)
{
}

CODE(try_cr0, "mov %rdi, %cr0");
CODE(try_cr2, "mov %rdi, %cr2");
CODE(try_cr3, "mov %rdi, %cr3");
CODE(try_cr4, "mov %rdi, %cr4");
CODE(try_cr8, "mov %rdi, %cr8");
CODE(try_dr6, "mov %rdi, %dr6");
CODE(try_dr7, "mov %rdi, %dr7");
CODE(try_sse, "addsd %xmm0, %xmm0");

/* There and back through the kernel, and perhaps through another CPU. */
static void go_outside(void)
{
	usleep(1000);
	sched_yield();
}

TEST_F(privileged, cr0)
{
	const uint64_t free = CR0_WP | CR0_AM | CR0_MP | CR0_TS;
	/* PE, EM, NE, NW, CD, PG; a write to others may do nothing instead */
	uint64_t defined = 0xe0000025;
	uint64_t cr0 = read_cr0(), fixed = cr0 & ~free;
	int bit;

	/* QEMU ignores the upper half */
	if (!in_qemu())
		defined |= 0xffffffffUL << 32;

	for (bit = 0; bit < 64; bit++) {
		uint64_t value = cr0 ^ 1UL << bit;

		if (free & 1UL << bit) {
			EXPECT_EQ(0, ring0_run(try_cr0, (void *)value))
				TH_LOG("bit %d", bit);
			EXPECT_EQ(value, read_cr0());
		} else {
			if (defined & 1UL << bit)
				EXPECT_RUN_TRAPS(VECTOR_GP, 0, try_cr0, value);
			else
				ring0_run(try_cr0, (void *)value);
			EXPECT_EQ(cr0, read_cr0()) TH_LOG("bit %d", bit);
		}
		write_cr0(cr0);
	}
	/* ET is one whatever is written */
	EXPECT_EQ(0, ring0_run(try_cr0, (void *)(cr0 & ~0x10UL)));
	EXPECT_EQ(cr0, read_cr0());
	/* all at once, and kept */
	write_cr0(fixed | CR0_MP);
	go_outside();
	EXPECT_EQ(fixed | CR0_MP, read_cr0());
	write_cr0(cr0);
}

CODE(do_clts, "clts");
CODE(do_lmsw, "lmsw %di");
CODE(do_smsw, "smsw %rax; ud2");

TEST_F(privileged, task_switched)
{
	uint64_t cr0 = read_cr0();

	EXPECT_EQ(0, ring0_run(do_lmsw, (void *)(cr0 | CR0_TS)));
	EXPECT_EQ(cr0 | CR0_TS, read_cr0());
	EXPECT_RUN_TRAPS(VECTOR_NM, 0, try_sse, 0);
	EXPECT_EQ(1, ring0_run(do_smsw, NULL));
	EXPECT_EQ(cr0 | CR0_TS, ring0_trap.rax);
	EXPECT_EQ(0, ring0_run(do_clts, NULL));
	EXPECT_EQ(cr0, read_cr0());
	EXPECT_EQ(0, ring0_run(try_sse, NULL));
}

TEST_F(privileged, cr2)
{
	EXPECT_EQ(0, ring0_run(try_cr2, (void *)0x123456789abc));
	EXPECT_EQ(0x123456789abc, read_cr2());
	/* through the kernel, whose faults are not ours */
	go_outside();
	EXPECT_EQ(0x123456789abc, read_cr2());
	/* any value at all */
	write_cr2(NOT_CANONICAL);
	EXPECT_EQ(NOT_CANONICAL, read_cr2());
}

TEST_F(privileged, cr3)
{
	uint64_t cr3 = read_cr3();

	EXPECT_EQ(cr3, ring0_physical(ring0_root));
	/* the two bits for caching may be set, and are kept */
	EXPECT_EQ(0, ring0_run(try_cr3, (void *)(cr3 | 0x18)));
	EXPECT_EQ(cr3 | 0x18, read_cr3());
	write_cr3(cr3);
}

/* What a guest may change in CR4, with the bit of CPUID that tells of it. */
static const struct {
	uint64_t bit;
	uint32_t leaf;
	char reg;
	int cpuid;
} cr4_bits[] = {
	{ CR4_TSD, 1, 'd', 4 },
	{ CR4_DE, 1, 'd', 2 },
	{ CR4_PGE, 1, 'd', 13 },
	{ CR4_UMIP, 7, 'c', 2 },
	{ CR4_FSGSBASE, 7, 'b', 0 },
	{ CR4_PCIDE, 1, 'c', 17 },
	{ CR4_OSXSAVE, 1, 'c', 26 },
	{ CR4_SMEP, 7, 'b', 7 },
	{ CR4_SMAP, 7, 'b', 20 },
	{ CR4_PKE, 7, 'c', 3 },
};

static bool may_change_cr4(uint64_t bit)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cr4_bits); i++)
		if (cr4_bits[i].bit == bit)
			return has_cpuid(cr4_bits[i].leaf, cr4_bits[i].reg,
					 cr4_bits[i].cpuid);
	return false;
}

TEST_F(privileged, cr4)
{
	uint64_t cr4 = read_cr4();
	int bit;

	/* but for VME and PVI, which mean nothing in 64-bit mode */
	for (bit = 2; bit < 64; bit++) {
		uint64_t value = cr4 ^ 1UL << bit;

		if (may_change_cr4(1UL << bit)) {
			EXPECT_EQ(0, ring0_run(try_cr4, (void *)value))
				TH_LOG("bit %d", bit);
			EXPECT_EQ(value, read_cr4());
			go_outside();
			EXPECT_EQ(value, read_cr4());
		} else {
			EXPECT_EQ(1, ring0_run(try_cr4, (void *)value))
				TH_LOG("bit %d", bit);
			EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
			EXPECT_EQ(cr4, read_cr4());
		}
		write_cr4(cr4);
	}
}

/* CPUID tells what the guest itself turned on. */
TEST_F(privileged, cpuid_shows_cr4)
{
	uint64_t cr4 = read_cr4();

	if (!has_cpuid(1, 'c', 26))
		SKIP(return, "no XSAVE");
	write_cr4(cr4 | CR4_OSXSAVE);
	EXPECT_TRUE(has_cpuid(1, 'c', 27));
	write_cr4(cr4 & ~CR4_OSXSAVE);
	EXPECT_FALSE(has_cpuid(1, 'c', 27));
	write_cr4(cr4);
	if (has_cpuid(7, 'c', 3)) {
		write_cr4(cr4 | CR4_PKE);
		EXPECT_TRUE(has_cpuid(7, 'c', 4));
		write_cr4(cr4 & ~CR4_PKE);
		EXPECT_FALSE(has_cpuid(7, 'c', 4));
		write_cr4(cr4);
	}
}

TEST_F(privileged, cr8)
{
	/* QEMU does not ask the module what is in it, and always reads 0 */
	bool reads = !in_qemu();
	uint64_t i;

	EXPECT_EQ(0, read_cr8());
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(0, ring0_run(try_cr8, (void *)i));
		EXPECT_EQ(reads ? i : 0, read_cr8());
	}
	go_outside();
	EXPECT_EQ(reads ? 15 : 0, read_cr8());
	for (i = 4; i < 64; i++)
		EXPECT_RUN_TRAPS(VECTOR_GP, 0, try_cr8, 1UL << i);
	EXPECT_EQ(reads ? 15 : 0, read_cr8());
}

CODE(read_cr1, "mov %cr1, %rax");
CODE(write_cr5, "mov %rax, %cr5");
CODE(read_cr15, "mov %cr15, %rax");

TEST_F(privileged, other_control_registers_are_undefined)
{
	EXPECT_EQ(1, ring0_run(read_cr1, NULL));
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(1, ring0_run(write_cr5, NULL));
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(1, ring0_run(read_cr15, NULL));
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
}

CODE(try_rdmsr, "mov %edi, %ecx; rdmsr");
CODE(try_wrmsr, "mov (%rdi), %ecx; mov 8(%rdi), %eax; mov 12(%rdi), %edx; wrmsr");

static bool wrmsr_faults(uint32_t msr, uint64_t value)
{
	const uint64_t operands[2] = { msr, value };

	return ring0_run(try_wrmsr, operands) &&
	       ring0_trap.vector == VECTOR_GP && !ring0_trap.error_code;
}

TEST_F(privileged, efer)
{
	uint64_t efer = rdmsr(MSR_EFER);
	int bit;

	EXPECT_EQ(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX, efer);
	for (bit = 1; bit < 64; bit++)
		EXPECT_TRUE(wrmsr_faults(MSR_EFER, efer ^ 1UL << bit))
			TH_LOG("bit %d", bit);
	EXPECT_EQ(efer, rdmsr(MSR_EFER));
	wrmsr(MSR_EFER, efer ^ EFER_SCE);
	EXPECT_EQ(efer ^ EFER_SCE, rdmsr(MSR_EFER));
	wrmsr(MSR_EFER, efer);
}

static const struct {
	uint32_t msr;
	uint64_t value;
	bool is_address;
} msrs[] = {
	{ MSR_GS_BASE, 0xffff812345678000, true },
	{ MSR_KERNEL_GS_BASE, 0x00007f0123456789, true },
	{ MSR_CSTAR, 0xffff800000001234, true },
	{ MSR_SYSENTER_CS, 0x1233, false },
	{ MSR_SYSENTER_ESP, 0x00007fffffffffff, true },
	{ MSR_SYSENTER_EIP, 0xffff800000000000, true },
};

TEST_F(privileged, msrs_of_its_own)
{
	uint64_t old[ARRAY_SIZE(msrs)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		old[i] = rdmsr(msrs[i].msr);
		wrmsr(msrs[i].msr, msrs[i].value);
		EXPECT_EQ(msrs[i].value, rdmsr(msrs[i].msr))
			TH_LOG("MSR %#x", msrs[i].msr);
	}
	go_outside();
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		EXPECT_EQ(msrs[i].value, rdmsr(msrs[i].msr))
			TH_LOG("MSR %#x", msrs[i].msr);
		wrmsr(msrs[i].msr, old[i]);
	}
}

/* Those that libdune needs itself: nothing may be called in between. */
TEST_F(privileged, msrs_of_system_calls)
{
	static const uint32_t numbers[] = {
		MSR_STAR, MSR_LSTAR, MSR_SFMASK, MSR_FS_BASE,
	};
	static const uint64_t values[] = {
		0x0123456700080000, 0xffff800000005678, 0x47700, 0x7f0000001000,
	};
	uint64_t old, seen[ARRAY_SIZE(numbers)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		old = rdmsr(numbers[i]);
		wrmsr(numbers[i], values[i]);
		seen[i] = rdmsr(numbers[i]);
		wrmsr(numbers[i], old);
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		EXPECT_EQ(values[i], seen[i]) TH_LOG("MSR %#x", numbers[i]);
}

TEST_F(privileged, other_msrs_fault)
{
	static const uint32_t others[] = {
		0x10,		/* time stamp counter */
		0x1b,		/* APIC base */
		0x3a,		/* feature control */
		0x48,		/* speculation control */
		0x8b,		/* microcode */
		0xfe,		/* MTRRs */
		0x1a0,		/* miscellaneous enables */
		0x1d9,		/* debug control */
		0x277,		/* PAT */
		0x480,		/* virtualization */
		0x611,		/* energy */
		0x802,		/* x2APIC */
		0xda0,		/* supervisor states */
		0x4b564d00,	/* of hypervisors */
		0xc0000103,	/* TSC_AUX */
		0xc0010010, 0xc0010114, 0xc0010117,
		0xffffffff,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(1, ring0_run(try_rdmsr, (void *)(uint64_t)others[i]));
		EXPECT_TRAP(VECTOR_GP, 0, try_rdmsr, 2);
		EXPECT_TRUE(wrmsr_faults(others[i], 0))
			TH_LOG("MSR %#x", others[i]);
	}
}

CODE(use_fs_gs_base, "rdfsbase %rax; wrfsbase %rdi; rdfsbase %rbx;"
	"wrfsbase %rax; wrgsbase %rdi; rdgsbase %rcx; ud2");

TEST_F(privileged, fs_and_gs_base)
{
	if (!can_set_cr4(CR4_FSGSBASE))
		SKIP(return, "no FSGSBASE");
	EXPECT_EQ(1, ring0_run(use_fs_gs_base, (void *)0x7f1234567890));
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(ring0_fs_base, ring0_trap.rax);
	EXPECT_EQ(0x7f1234567890, ring0_trap.rbx);
	EXPECT_EQ(0x7f1234567890, ring0_trap.rcx);
	EXPECT_EQ(0x7f1234567890, rdmsr(MSR_GS_BASE));
	go_outside();
	EXPECT_EQ(0x7f1234567890, rdmsr(MSR_GS_BASE));
	/* QEMU takes any */
	EXPECT_EQ(1, ring0_run(use_fs_gs_base, (void *)NOT_CANONICAL));
	EXPECT_EQ(in_qemu() ? VECTOR_UD : VECTOR_GP, ring0_trap.vector);
}

TEST_F(privileged, descriptor_tables)
{
	struct ring0_table gdt, idt, table, gdt_seen, idt_seen;
	uint16_t ldt, task;

	asm volatile("sgdt %0; sidt %1" : "=m" (gdt), "=m" (idt));
	EXPECT_EQ((uint64_t)ring0_gdt, gdt.base);
	EXPECT_EQ(sizeof(ring0_gdt) - 1, gdt.limit);
	EXPECT_EQ((uint64_t)ring0_idt, idt.base);
	EXPECT_EQ(sizeof(ring0_idt) - 1, idt.limit);
	asm volatile("sldt %0; str %1" : "=r" (ldt), "=r" (task));
	EXPECT_EQ(0, ldt);
	EXPECT_EQ(TSS_SELECTOR, task);
	/* LTR marked it as busy */
	EXPECT_EQ(0x8b, ring0_gdt[TSS_SELECTOR / 8] >> 40 & 0xff);
	/* any other, if nothing is needed of it meanwhile */
	table = (struct ring0_table){ .limit = 0x7f, .base = AREA };
	asm volatile("lidt %2; sidt %0; lidt %3; lgdt %2; sgdt %1; lgdt %4"
		     : "=m" (idt_seen), "=m" (gdt_seen)
		     : "m" (table), "m" (idt), "m" (gdt));
	EXPECT_EQ(0, memcmp(&table, &idt_seen, sizeof(table)));
	EXPECT_EQ(0, memcmp(&table, &gdt_seen, sizeof(table)));
}

CODE(load_fs, "mov %edi, %fs; mov %fs:4, %eax; ud2");
CODE(try_lldt, "lldt %di");

TEST_F(privileged, local_descriptor_table)
{
	static uint64_t ldt[2];
	static uint32_t data[2] = { 0, 77 };
	const uint64_t base = (uint64_t)data;
	const int selector = 8 | 4;	/* second entry of the LDT */

	/* a segment whose base is of 32 bits: put it where it can be */
	ring0_map(AREA_LOW, data, PTE_PRESENT);
	ldt[1] = 0x00c0930000000fff | (AREA_LOW + (base & (PAGE - 1))) << 16;
	ring0_set_system_segment(LDT_SELECTOR, 2, ldt, sizeof(ldt) - 1);
	asm volatile("lldt %w0" : : "r" (LDT_SELECTOR));
	go_outside();
	EXPECT_EQ(1, ring0_run(load_fs, (void *)(uint64_t)selector));
	EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
	EXPECT_EQ(77, ring0_trap.rax);
	asm volatile("mov %0, %%fs; lldt %w0" : : "r" (0));
	wrmsr(MSR_FS_BASE, ring0_fs_base);
	/* no longer there; and a selector of the wrong kind */
	EXPECT_RUN_TRAPS(VECTOR_GP, selector, load_fs, selector);
	EXPECT_RUN_TRAPS(VECTOR_GP, KERNEL_DATA, try_lldt, KERNEL_DATA);
}

CODE(try_ltr, "ltr %di");

TEST_F(privileged, task_register)
{
	static struct ring0_tss tss;
	uint16_t task;

	/* a busy one it refuses */
	EXPECT_RUN_TRAPS(VECTOR_GP, TSS_SELECTOR, try_ltr, TSS_SELECTOR);
	tss = ring0_tss;
	tss.ist[0] -= 256;
	ring0_set_system_segment(SPARE_SELECTOR, 9, &tss, sizeof(tss) - 1);
	EXPECT_EQ(0, ring0_run(try_ltr, (void *)SPARE_SELECTOR));
	asm volatile("str %0" : "=r" (task));
	EXPECT_EQ(SPARE_SELECTOR, task);
	go_outside();
	EXPECT_EQ(1, ring0_run(do_smsw, NULL));
	EXPECT_EQ(tss.ist[0] - 40, ring0_trap.handler_rsp);
}

TEST_F(privileged, swapgs)
{
	wrmsr(MSR_GS_BASE, 0x1000);
	wrmsr(MSR_KERNEL_GS_BASE, 0x2000);
	asm volatile("swapgs");
	EXPECT_EQ(0x2000, rdmsr(MSR_GS_BASE));
	EXPECT_EQ(0x1000, rdmsr(MSR_KERNEL_GS_BASE));
}

TEST_F(privileged, interrupt_flag)
{
	EXPECT_EQ(FLAG_IF, read_flags() & FLAG_IF);
	asm volatile("cli" : : : "memory");
	EXPECT_EQ(0, read_flags() & FLAG_IF);
	/* the kernel's interrupts are none of the guest's */
	go_outside();
	EXPECT_EQ(0, read_flags() & FLAG_IF);
	asm volatile("sti" : : : "memory");
	EXPECT_EQ(FLAG_IF, read_flags() & FLAG_IF);
	/* IOPL is ring 0's to set */
	asm volatile("pushfq; orq $0x3000, (%%rsp); popfq" : : : "memory");
	EXPECT_EQ(FLAG_IOPL, read_flags() & FLAG_IOPL);
	asm volatile("pushfq; andq $~0x3000, (%%rsp); popfq" : : : "memory");
}

static void on_alarm(int signal)
{
}

CODE(do_hlt, "hlt");

TEST_F(privileged, hlt_sleeps_until_a_signal)
{
	struct itimerval timer = { .it_value.tv_usec = 100000 };
	struct timespec before, after;

	signal(SIGALRM, on_alarm);
	clock_gettime(CLOCK_MONOTONIC, &before);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(0, ring0_run(do_hlt, NULL));
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_GE((after.tv_sec - before.tv_sec) * 1000000000L +
		  after.tv_nsec - before.tv_nsec, 90000000);
}

static uint64_t xgetbv(void)
{
	uint32_t low, high;

	asm volatile("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
	return low | (uint64_t)high << 32;
}

CODE(try_xsetbv, "mov (%rdi), %ecx; mov 8(%rdi), %eax; mov 12(%rdi), %edx;"
	"xsetbv");

static int xsetbv(uint64_t number, uint64_t value)
{
	const uint64_t operands[2] = { number, value };

	return ring0_run(try_xsetbv, operands);
}

TEST_F(privileged, extended_control_register)
{
	static const uint64_t bad[] = { 0, 2, 5, 1UL << 62, 3 | 1UL << 63 };
	uint64_t xcr0, seen[2];
	int faults[2];
	size_t i;

	if (!has_cpuid(1, 'c', 26) || !can_set_cr4(CR4_OSXSAVE))
		SKIP(return, "no XSAVE");
	xcr0 = xgetbv();
	EXPECT_EQ(3, xcr0 & 3);
	/* meanwhile the C library may have less registers than it believes */
	faults[0] = xsetbv(0, 3);
	seen[0] = xgetbv();
	faults[1] = xsetbv(0, 1);
	seen[1] = xgetbv();
	EXPECT_EQ(0, xsetbv(0, xcr0));
	EXPECT_EQ(0, faults[0]);
	EXPECT_EQ(0, faults[1]);
	EXPECT_EQ(3, seen[0]);
	EXPECT_EQ(1, seen[1]);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(1, xsetbv(0, bad[i])) TH_LOG("%lx", bad[i]);
		EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
	}
	EXPECT_EQ(1, xsetbv(1, 1));
	EXPECT_EQ(VECTOR_GP, ring0_trap.vector);
	EXPECT_EQ(xcr0, xgetbv());
	/* without the bit of CR4 there is none; QEMU exits before it looks */
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	faults[0] = xsetbv(0, xcr0);
	write_cr4(read_cr4() | CR4_OSXSAVE);
	EXPECT_EQ(in_qemu() ? 0 : 1, faults[0]);
	if (faults[0])
		EXPECT_EQ(VECTOR_UD, ring0_trap.vector);
}

TEST_F(privileged, debug_registers)
{
	EXPECT_EQ(0xffff0ff0, read_dr6());
	EXPECT_EQ(0x400, read_dr7());
	write_dr0(1);
	write_dr1(2);
	write_dr2(3);
	write_dr3(NOT_CANONICAL);
	write_dr6(0);
	/* nothing enabled, all else set */
	write_dr7(0xffff0300);
	go_outside();
	EXPECT_EQ(1, read_dr0());
	EXPECT_EQ(2, read_dr1());
	EXPECT_EQ(3, read_dr2());
	EXPECT_EQ(NOT_CANONICAL, read_dr3());
	EXPECT_EQ(0xffff0ff0, read_dr6());
	EXPECT_EQ(0xffff0700, read_dr7());
	write_dr6(0xe00f);
	EXPECT_EQ(0xffffefff, read_dr6());
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, try_dr6, 1UL << 32);
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, try_dr7, 1UL << 63);
	/* the exception at every access */
	EXPECT_RUN_TRAPS(VECTOR_GP, 0, try_dr7, 0x2400);
}

CODE(read_dr4, "mov %dr4, %rax; int $0x80");
CODE(read_dr15, "mov %dr15, %rax");

TEST_F(privileged, old_names_of_debug_registers)
{
	write_dr6(5);
	EXPECT_EQ(1, ring0_run(read_dr4, NULL));
	EXPECT_EQ(VECTOR_USER, ring0_trap.vector);
	EXPECT_EQ(0xffff0ff5, ring0_trap.rax);
	write_cr4(read_cr4() | CR4_DE);
	EXPECT_RUN_TRAPS(VECTOR_UD, 0, read_dr4, 0);
	write_cr4(read_cr4() & ~CR4_DE);
	EXPECT_RUN_TRAPS(VECTOR_UD, 0, read_dr15, 0);
}

/* What even ring 0 of a guest cannot do. */
static const struct {
	const char *name;
	uint64_t vector;
	const char *bytes;
	size_t len;
} refused[] = {
	{ "invd", VECTOR_GP, "\x0f\x08", 2 },
	{ "wbinvd", VECTOR_GP, "\x0f\x09", 2 },
	{ "rdpmc", VECTOR_GP, "\x0f\x33", 2 },
	{ "in (%dx), %al", VECTOR_GP, "\xec", 1 },
	{ "in $0x60, %eax", VECTOR_GP, "\xe5\x60", 2 },
	{ "out %al, (%dx)", VECTOR_GP, "\xee", 1 },
	{ "out %ax, $0x70", VECTOR_GP, "\x66\xe7\x70", 3 },
	{ "insb", VECTOR_GP, "\x6c", 1 },
	{ "rep outsl", VECTOR_GP, "\xf3\x6f", 2 },
	{ "monitor", VECTOR_UD, "\x0f\x01\xc8", 3 },
	{ "mwait", VECTOR_UD, "\x0f\x01\xc9", 3 },
	{ "vmlaunch", VECTOR_UD, "\x0f\x01\xc2", 3 },
	{ "vmresume", VECTOR_UD, "\x0f\x01\xc3", 3 },
	{ "vmxoff", VECTOR_UD, "\x0f\x01\xc4", 3 },
	{ "vmread %rax, %rax", VECTOR_UD, "\x0f\x78\xc0", 3 },
	{ "vmwrite %rax, %rax", VECTOR_UD, "\x0f\x79\xc0", 3 },
	{ "invept (%rdi), %rax", VECTOR_UD, "\x66\x0f\x38\x80\x07", 5 },
	{ "invvpid (%rdi), %rax", VECTOR_UD, "\x66\x0f\x38\x81\x07", 5 },
	{ "vmfunc", VECTOR_UD, "\x0f\x01\xd4", 3 },
	{ "vmrun", VECTOR_UD, "\x0f\x01\xd8", 3 },
	{ "vmload", VECTOR_UD, "\x0f\x01\xda", 3 },
	{ "vmsave", VECTOR_UD, "\x0f\x01\xdb", 3 },
	{ "stgi", VECTOR_UD, "\x0f\x01\xdc", 3 },
	{ "clgi", VECTOR_UD, "\x0f\x01\xdd", 3 },
	{ "skinit", VECTOR_UD, "\x0f\x01\xde", 3 },
	{ "invlpga", VECTOR_UD, "\x0f\x01\xdf", 3 },
	{ "rsm", VECTOR_UD, "\x0f\xaa", 2 },
	{ "encls", VECTOR_UD, "\x0f\x01\xcf", 3 },
	{ "getsec", VECTOR_UD, "\x0f\x37", 2 },
	{ "vmptrld (%rdi)", VECTOR_UD, "\x0f\xc7\x37", 3 },
	{ "vmclear (%rdi)", VECTOR_UD, "\x66\x0f\xc7\x37", 4 },
	{ "vmxon (%rdi)", VECTOR_UD, "\xf3\x0f\xc7\x37", 4 },
};

/* Operands that are good: mov %edi, %eax; xor %ecx, %ecx; xor %edx, %edx */
#define OPERANDS "\x89\xf8\x31\xc9\x31\xd2"

TEST_F(privileged, instructions_that_are_refused)
{
	size_t i, count = ARRAY_SIZE(refused);
	uint8_t *code = ring0_user_code + sizeof(OPERANDS) - 1;

	/* a page, at an address that is good as a physical one too */
	ring0_map(AREA_LOW, ring0_user_stack, PTE_PRESENT | PTE_WRITE);
	memcpy(ring0_user_code, OPERANDS, sizeof(OPERANDS) - 1);
	/* QEMU takes the last three for something that does nothing */
	if (in_qemu())
		count -= 3;
	for (i = 0; i < count; i++) {
		memcpy(code, refused[i].bytes, refused[i].len);
		code[refused[i].len] = 0xc3;
		EXPECT_EQ(1, ring0_run(ring0_user_code, (void *)AREA_LOW))
			TH_LOG("%s", refused[i].name);
		EXPECT_EQ(refused[i].vector, ring0_trap.vector)
			TH_LOG("%s", refused[i].name);
		EXPECT_EQ((uint64_t)code, ring0_trap.rip)
			TH_LOG("%s", refused[i].name);
	}
}

TEST_HARNESS_MAIN
