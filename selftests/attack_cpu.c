// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions. Where ring 0 may do what ring 3 may not, ring 0 of dune-run
 * shows that the instruction is right: nothing bad comes of it there.
 */
#include "attack.h"

#include <sys/io.h>

#define GP	"SIGSEGV"
#define UD	"SIGILL SIGSEGV"

#define INSTRUCTION(name, control, fits, ...)				\
	static int do_##name(void)					\
	{								\
		asm volatile(__VA_ARGS__);				\
		return SUCCEEDED;						\
	}								\
	ATTACK(name, control, fits)					\
	{								\
		return do_##name();					\
	}

INSTRUCTION(cli, RING0, GP, "cli; sti")
INSTRUCTION(sti, RING0, GP, "sti")
INSTRUCTION(read_cr0, RING0, GP, "mov %%cr0, %%rax" ::: "rax")
INSTRUCTION(read_cr3, RING0, GP, "mov %%cr3, %%rax" ::: "rax")
INSTRUCTION(write_cr0, RING0, GP, "mov %%cr0, %%rax; mov %%rax, %%cr0"
	    ::: "rax", "memory")
INSTRUCTION(write_cr3, RING0, GP, "mov %%cr3, %%rax; mov %%rax, %%cr3"
	    ::: "rax", "memory")
INSTRUCTION(write_cr4, RING0, GP, "mov %%cr4, %%rax; mov %%rax, %%cr4"
	    ::: "rax", "memory")
INSTRUCTION(clear_ts, RING0, GP, "clts")
INSTRUCTION(read_dr7, RING0, GP, "mov %%dr7, %%rax" ::: "rax")
INSTRUCTION(write_dr7, RING0, GP, "mov %%dr7, %%rax; mov %%rax, %%dr7"
	    ::: "rax")
INSTRUCTION(invlpg, RING0, GP, "invlpg (%%rsp)" ::: "memory")
INSTRUCTION(swapgs, RING0, GP, "swapgs; swapgs" ::: "memory")
INSTRUCTION(rdmsr, RING0, GP, "rdmsr" :: "c" (0xc0000100) : "rax", "rdx")
INSTRUCTION(wrmsr, RING0, GP, "rdmsr; wrmsr" :: "c" (0xc0000100) : "rax", "rdx")
/* LSTAR: where system calls go */
INSTRUCTION(rdmsr_lstar, RING0, GP, "rdmsr" :: "c" (0xc0000082) : "rax", "rdx")
INSTRUCTION(wrmsr_lstar, RING0, GP, "rdmsr; wrmsr" :: "c" (0xc0000082)
	    : "rax", "rdx")
INSTRUCTION(lldt, RING0, GP, "lldt %w0" :: "r" (0))
INSTRUCTION(iret, RING0, GP,
	    "mov %%rsp, %%rcx; mov %%ss, %%eax; and $~3, %%eax; push %%rax;"
	    "push %%rcx; pushf; mov %%cs, %%eax; and $~3, %%eax; push %%rax;"
	    "lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
	    ::: "rax", "rcx", "memory")
/* nobody has these; they are to do no harm */
INSTRUCTION(halt, UNTRIED, GP, "hlt")
INSTRUCTION(rdpmc, UNTRIED, GP, "rdpmc" :: "c" (0) : "rax", "rdx")
INSTRUCTION(wbinvd, UNTRIED, GP, "wbinvd" ::: "memory")
INSTRUCTION(invd, UNTRIED, GP, "invd" ::: "memory")
INSTRUCTION(xsetbv, UNTRIED, GP, "xsetbv" :: "a" (1), "d" (0), "c" (0))
INSTRUCTION(ltr, UNTRIED, GP, "ltr %w0" :: "r" (0x40))
INSTRUCTION(sysret, UNTRIED, GP, "sysretq" ::: "memory")
INSTRUCTION(monitor, UNTRIED, UD, "monitor" :: "a" (own_page), "c" (0), "d" (0))
INSTRUCTION(mwait, UNTRIED, UD, "mwait" :: "a" (0), "c" (0))
INSTRUCTION(vmxoff, UNTRIED, UD, "vmxoff" ::: "memory")
INSTRUCTION(vmlaunch, UNTRIED, UD, "vmlaunch" ::: "memory")
INSTRUCTION(vmrun, UNTRIED, UD, "vmrun" :: "a" (own_page) : "memory")
INSTRUCTION(vmsave, UNTRIED, UD, "vmsave" :: "a" (own_page) : "memory")
INSTRUCTION(clgi, UNTRIED, UD, "clgi" ::: "memory")
INSTRUCTION(enclave, UNTRIED, UD, ".byte 0x0f, 0x01, 0xd7" :: "a" (0))
/* VMFUNC 0: another page table, if the CPU has it and there were one */
INSTRUCTION(vmfunc, UNTRIED, UD, ".byte 0x0f, 0x01, 0xd4" :: "a" (0), "c" (0))

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* With UMIP they cannot even be read; else the kernel's address is not seen. */
ATTACK(lgdt, RING0, GP)
{
	struct table table = { 0 };

	asm volatile("sgdt %0; lgdt %0" : "+m" (table));
	return SUCCEEDED;
}

ATTACK(lidt, RING0, GP)
{
	struct table table = { 0 };

	asm volatile("sidt %0; lidt %0" : "+m" (table));
	return SUCCEEDED;
}

ATTACK(machine_status, RING0, GP)
{
	uint64_t word;

	asm volatile("smsw %0; lmsw %w0" : "=&r" (word));
	return SUCCEEDED;
}

/* With the right to ports, which it asks for at first. */
ATTACK(port_in, OUTSIDE, GP)
{
	if (ioperm(0x80, 1, 1) && known.bare)
		return CANNOT;
	inb(0x80);
	return SUCCEEDED;
}

ATTACK(port_out, OUTSIDE, GP)
{
	if (iopl(3) && known.bare)
		return CANNOT;
	outb(0, 0x80);
	return SUCCEEDED;
}

/* To reset the machine; it is not tried where it could be allowed. */
ATTACK(port_reset, UNTRIED, GP)
{
	outb(2, 0xcf9);
	return SUCCEEDED;
}

/* The module's way to system calls, which no supervisor would see. */
#define OPEN_BY(instruction)						\
	static int open_by_##instruction(void)				\
	{								\
		long fd = SYS_open;					\
									\
		asm volatile(#instruction : "+a" (fd)			\
			     : "D" (at("secret/file")), "S" (O_RDONLY)	\
			     : "rcx", "r11", "memory");			\
		return fd < 0 ? (int)fd : has_secret(fd);		\
	}

OPEN_BY(vmcall)
OPEN_BY(vmmcall)

/* No CPU has both. */
ATTACK(hypercall, RING0, "SIGILL SIGSEGV")
{
	int result = attempt(open_by_vmcall);

	return result == SUCCEEDED ? result : attempt(open_by_vmmcall);
}

/* SYSCALL with flags that are not expected; what it returns is as ever. */
#define FLAGS_TF	(1UL << 8)
#define FLAGS_DF	(1UL << 10)
#define FLAGS_NT	(1UL << 14)
#define FLAGS_AC	(1UL << 18)
#define FLAGS_ID	(1UL << 21)

static int call_with_flags(uint64_t flags)
{
	long result = SYS_getppid;

	asm volatile("sub $128, %%rsp; pushf; pop %%rbx; mov %%rbx, %%rdx;"
		     "or %1, %%rbx; push %%rbx; popf; syscall;"
		     "push %%rdx; popf; add $128, %%rsp"
		     : "+a" (result) : "r" (flags)
		     : "rbx", "rcx", "rdx", "r11", "memory", "cc");
	return result == known.own_parent ? HELD : -ESRCH;
}

#define FLAGGED(name, flags, fits)					\
	static int do_##name(void)					\
	{								\
		return call_with_flags(flags);				\
	}								\
	ATTACK(name, NOWHERE, fits)					\
	{								\
		return do_##name();					\
	}

FLAGGED(flag_direction, FLAGS_DF, "HELD")
FLAGGED(flag_alignment, FLAGS_AC, "HELD")
FLAGGED(flag_nested, FLAGS_NT, "HELD")
FLAGGED(flag_id, FLAGS_ID, "HELD")
FLAGGED(flag_all, FLAGS_DF | FLAGS_AC | FLAGS_NT | FLAGS_ID, "HELD")

/* Bochs has the kernel's entry stepped through, which no CPU would. */
ATTACK(flag_trap, UNTRIED, "SIGTRAP")
{
	return call_with_flags(FLAGS_TF);
}

/* IOPL cannot be set by POPF in ring 3; in ring 0 CLI needs none. */
ATTACK(flag_iopl, RING0, GP)
{
	asm volatile("sub $128, %%rsp; pushf; orl $0x3000, (%%rsp); popf;"
		     "add $128, %%rsp; cli; sti" ::: "memory", "cc");
	return SUCCEEDED;
}

/* A stack pointer that is the supervisor's, or none, at a system call. */
static int call_with_stack(uint64_t stack)
{
	long result = SYS_getppid;

	asm volatile("mov %%rsp, %%rbx; mov %1, %%rsp; syscall;"
		     "mov %%rbx, %%rsp"
		     : "+a" (result) : "r" (stack)
		     : "rbx", "rcx", "r11", "memory");
	return result == known.own_parent ? HELD : -ESRCH;
}

static int call_with_target(void)
{
	return call_with_stack(target + 2048);
}

ATTACK(stack_at_syscall, NOWHERE, "HELD")
{
	return at_each_target(call_with_target);
}

ATTACK(wild_stack_at_syscall, NOWHERE, "HELD")
{
	return call_with_stack(0x8000000000001000) ?: call_with_stack(0) ?:
	       call_with_stack(-8UL);
}

/* At a fault: the handler has a stack of its own. */
static int fault_with_stack(void)
{
	asm volatile("mov %0, %%rsp; ud2" :: "r" (target + 2048) : "memory");
	return SUCCEEDED;
}

ATTACK(stack_at_fault, NOWHERE, "SIGILL")
{
	return at_each_target(fault_with_stack);
}

/* And where it has none there is nothing but the end. */
static int die_with_stack(void)
{
	signal(SIGILL, SIG_DFL);
	return fault_with_stack();
}

static int die_in_child(void)
{
	return in_child(die_with_stack);
}

ATTACK(stack_at_death, NOWHERE, "SIGILL SIGSEGV")
{
	return at_each_target(die_in_child);
}

/* Other segments: of ring 0, gates, or of 32 bits. */
static int far_return(uint16_t selector)
{
	asm volatile("sub $128, %%rsp; push %0; lea 1f(%%rip), %%rax;"
		     "push %%rax; lretq; 1: add $128, %%rsp"
		     :: "r" ((uint64_t)selector) : "rax", "memory");
	asm volatile("mov %%cs, %0" : "=r" (selector));
	return selector & 3 ? HELD : SUCCEEDED;
}

static uint16_t segment;

static int return_far(void)
{
	return far_return(segment);
}

/* Code of 64 bits does not live long in a segment of 32. */
static int return_far_in_child(void)
{
	return in_child(return_far);
}

ATTACK(far_return, RING0, "SIGSEGV HELD SIGILL SIGBUS")
{
	int result = HELD;

	for (segment = 0; segment < 0x80 && result != SUCCEEDED; segment += 8)
		result = return_far_in_child();
	return result;
}

static int jump_far(void)
{
	struct {
		uint64_t offset;
		uint16_t selector;
	} __attribute__((packed)) place = { .selector = segment };

	/* ljmpq *(%rdi), which not every assembler knows */
	asm volatile("lea 1f(%%rip), %%rax; mov %%rax, (%0);"
		     ".byte 0x48, 0xff, 0x2f; 1:"
		     :: "D" (&place) : "rax", "memory");
	asm volatile("mov %%cs, %0" : "=r" (segment));
	return segment & 3 ? HELD : SUCCEEDED;
}

ATTACK(far_jump, RING0, "SIGSEGV HELD SIGILL SIGBUS")
{
	uint16_t selector;
	int result = HELD;

	for (selector = 0; selector < 0x80 && result != SUCCEEDED; selector += 8) {
		segment = selector;
		result = in_child(jump_far);
	}
	return result;
}

/* Data segments of ring 0; a null one does no harm. */
ATTACK(data_segments, NOWHERE, "SIGSEGV HELD")
{
	asm volatile("mov %0, %%ds; mov %1, %%ds" :: "r" (0x10), "r" (0)
		     : "memory");
	asm volatile("mov %0, %%es; mov %1, %%es" :: "r" (0x10), "r" (0)
		     : "memory");
	return HELD;
}

/* The calls of 32 bits have other numbers. The path has to be low. */
static long old_open(const char *path)
{
	long result;

	asm volatile("int $0x80" : "=a" (result)
		     : "a" (5), "b" (path), "c" (O_RDONLY), "d" (0)
		     : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static char *low_memory(void)
{
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (memory != MAP_FAILED)
		strcpy(memory, at("secret/file"));
	return memory == MAP_FAILED ? NULL : memory;
}

static int by_old_call(void)
{
	char *path = low_memory();
	long fd = path ? old_open(path) : -ENOMEM;

	return (int)fd < 0 ? (int)fd : has_secret(fd);
}

ATTACK(old_call, OUTSIDE, GP)
{
	return if_possible(attempt(by_old_call));
}

/* int $0x80 in a segment of 32 bits, from where it comes back. */
static const char narrow_code[] =
	"\xb8\x05\x00\x00\x00"		/* mov $5, %eax */
	"\x31\xc9\x31\xd2"		/* xor %ecx, %ecx; xor %edx, %edx */
	"\xcd\x80"			/* int $0x80 */
	"\xcb";				/* lret */
/* where it comes back to has to be low as well: mov $..., %rcx; jmp *%rcx */
static const char wide_code[] = "\x48\xb9........\xff\xe1";

#define NARROW_CODE	2048
#define WIDE_CODE	2304
#define NARROW_STACK	4080

static void prepare_narrow(char *low)
{
	memcpy(low + NARROW_CODE, narrow_code, sizeof(narrow_code));
	memcpy(low + WIDE_CODE, wide_code, sizeof(wide_code));
	*(uint32_t *)(low + NARROW_STACK) = (uint64_t)low + WIDE_CODE;
	*(uint32_t *)(low + NARROW_STACK + 4) = 0x33;
}

static long run_narrow(char *low)
{
	static uint64_t saved_stack;
	long result;

	asm volatile("push %%rbp; mov %%rsp, %1; lea 1f(%%rip), %%rax;"
		     "mov %%rax, %c3+2(%%rbx); lea %c4(%%rbx), %%rsp;"
		     "lea %c5(%%rbx), %%rax; push $0x23; push %%rax; lretq;"
		     "1: mov %1, %%rsp; pop %%rbp"
		     : "=&a" (result), "+m" (saved_stack), "+b" (low)
		     : "i" (WIDE_CODE), "i" (NARROW_STACK), "i" (NARROW_CODE)
		     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		       "r12", "r13", "r14", "r15", "memory", "cc");
	return (int)result;
}

static int by_narrow_code(void)
{
	char *low = low_memory();
	long fd;

	if (!low)
		return -ENOMEM;
	prepare_narrow(low);
	fd = run_narrow(low);
	return fd < 0 ? (int)fd : has_secret(fd);
}

ATTACK(narrow_code, OUTSIDE, GP)
{
	return if_possible(in_child(by_narrow_code));
}

/* it needs 32-bit code around it to come back: outside it kills */
INSTRUCTION(sysenter, UNTRIED, "SIGSEGV SIGILL", "sysenter"
	    :: "a" (20), "b" (0) : "rcx", "rdx", "memory")

/* All vectors. Of those only 3, 4 and 0x80 are for programs. */
static char *vector_code;

static int raise_vector(void)
{
	asm volatile("sub $128, %%rsp; call *%0; add $128, %%rsp"
		     :: "r" (vector_code), "a" (20)
		     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	return SUCCEEDED;
}

ATTACK(vectors, OUTSIDE, GP)
{
	int vector, result, worst = SIGNAL(SIGSEGV);

	vector_code = low_memory();
	if (!vector_code)
		return -ENOMEM;
	for (vector = 0; vector < 256; vector++) {
		memcpy(vector_code, (char[]){ 0xcd, vector, 0xc3 }, 3);
		result = attempt(raise_vector);
		if (result != SIGNAL(vector == 3 ? SIGTRAP : SIGSEGV))
			worst = result;
	}
	return if_possible(worst);
}

/* Storms of what the supervisor has to pass on. */
static void count_and_go_on(int signal, siginfo_t *info, void *context)
{
}

static int storm(void (*raise_it)(void), int signal)
{
	const struct sigaction action = {
		.sa_sigaction = count_and_go_on, .sa_flags = SA_SIGINFO,
	};
	int i;

	sigaction(signal, &action, NULL);
	for (i = 0; i < 2000; i++)
		raise_it();
	return getppid() == known.own_parent ? HELD : -ESRCH;
}

static void breakpoint(void)
{
	asm volatile("int3");
}

static void one_step(void)
{
	asm volatile("sub $128, %%rsp; pushf; orl $0x100, (%%rsp); popf;"
		     "pushf; andl $~0x100, (%%rsp); popf; add $128, %%rsp"
		     ::: "memory", "cc");
}

ATTACK(breakpoints, NOWHERE, "HELD")
{
	return storm(breakpoint, SIGTRAP);
}

ATTACK(single_steps, NOWHERE, "HELD")
{
	return storm(one_step, SIGTRAP);
}

static int unaligned(void)
{
	asm volatile("sub $128, %%rsp; pushf; orl $0x40000, (%%rsp); popf;"
		     "add $128, %%rsp; mov 1(%0), %%eax" :: "r" (own_page)
		     : "rax", "memory", "cc");
	return HELD;
}

/* Where the kernel has CR0.AM set; in the sandbox it may not be. */
ATTACK(alignment, NOWHERE, "SIGBUS HELD")
{
	int i, result = HELD;

	for (i = 0; i < 500; i++)
		result = attempt(unaligned);
	asm volatile("sub $128, %%rsp; pushf; andl $~0x40000, (%%rsp); popf;"
		     "add $128, %%rsp" ::: "memory", "cc");
	return result;
}
