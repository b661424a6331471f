/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test itself in ring 0, by libdune, with descriptor tables of its own:
 * every exception ends what was tried and leaves a record.
 *
 * What is tried are pieces of assembly (CODE), so that it is known to the byte
 * where an exception must point to. Everything else is plain C; it runs in
 * ring 0 too, and what it touches first is still libdune's to map.
 *
 * Compile with -mno-red-zone.
 */
#ifndef DUNE_SELFTESTS_RING0_H
#define DUNE_SELFTESTS_RING0_H

/* Selectors, in the order that SYSCALL, SYSRET, SYSENTER and SYSEXIT want. */
#define KERNEL_CODE	0x08
#define KERNEL_DATA	0x10
#define USER_CODE32	0x1b
#define USER_DATA	0x23
#define USER_CODE	0x2b
#define TSS_SELECTOR	0x30
#define LDT_SELECTOR	0x40
#define SPARE_SELECTOR	0x50

/* For the record, SYSCALL and SYSENTER are exceptions of these numbers. */
#define VECTOR_SYSCALL	256
#define VECTOR_SYSENTER	257

#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102

#define STACK_SIZE		65536

/* Offsets in struct ring0_trap. */
#define TRAP_VECTOR		120
#define TRAP_RIP		136
#define TRAP_RSP		160
#define TRAP_CR2		176
#define TRAP_HANDLER_RSP	184

#ifndef __ASSEMBLER__

#include <assert.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dune/dune.h>

#include "emulator.h"

/* The only vector that ring 3 may raise by INT. */
#define VECTOR_USER	0x80

/* libdune's own, on the second stack of the TSS. */
#define VECTOR_SIGNAL	32

#define FLAG_TF		0x100UL
#define FLAG_IF		0x200UL
#define FLAG_IOPL	0x3000UL
#define FLAG_RF		0x10000UL
#define FLAG_AC		0x40000UL

#define PTE_PRESENT	(1UL << 0)
#define PTE_WRITE	(1UL << 1)
#define PTE_USER	(1UL << 2)
#define PTE_ACCESSED	(1UL << 5)
#define PTE_DIRTY	(1UL << 6)
#define PTE_LARGE	(1UL << 7)
#define PTE_GLOBAL	(1UL << 8)
#define PTE_NX		(1UL << 63)
#define PTE_ADDRESS	0x000ffffffffff000UL

#define CR0_MP		(1UL << 1)
#define CR0_TS		(1UL << 3)
#define CR0_WP		(1UL << 16)
#define CR0_AM		(1UL << 18)
#define CR4_TSD		(1UL << 2)
#define CR4_DE		(1UL << 3)
#define CR4_PGE		(1UL << 7)
#define CR4_UMIP	(1UL << 11)
#define CR4_FSGSBASE	(1UL << 16)
#define CR4_PCIDE	(1UL << 17)
#define CR4_OSXSAVE	(1UL << 18)
#define CR4_SMEP	(1UL << 20)
#define CR4_SMAP	(1UL << 21)
#define CR4_PKE		(1UL << 22)

/* Addresses that no process has: the tests map there what they like. */
#define AREA		0xffff800000000000UL
#define AREA_CODE	AREA			/* of ring 3 */
#define AREA_STACK	(AREA + 0x2000)		/* its end */
#define AREA_FREE	(AREA + 0x100000)
#define AREA_LOW	0x10000UL		/* free in a position-independent program */
/* One that has neither process nor kernel. */
#define NOT_CANONICAL	0x0000800000000000UL

#define PAGE		4096UL
#define LARGE		(2UL << 20)
#define ENTRIES		512

/**
 * CODE() - a piece of assembly that is called, or jumped into, by name
 * @name: of its first byte; name_end is behind its last
 * @text: the instructions; a RET follows
 */
#define CODE(name, text)						\
	extern const char name[] __attribute__((visibility("hidden")));	\
	extern const char name##_end[]					\
		__attribute__((visibility("hidden")));			\
	asm(".pushsection .text\n"					\
	    ".balign 16\n"						\
	    #name ":\n\t" text "\n\tret\n"				\
	    #name "_end:\n"						\
	    ".popsection\n")

struct ring0_gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct ring0_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct ring0_tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

/* What the last exception left. */
struct ring0_trap {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t cr2;
	/* where the handler's stack was when the CPU had pushed everything */
	uint64_t handler_rsp;
};

static_assert(offsetof(struct ring0_trap, vector) == TRAP_VECTOR, "ring0.S");
static_assert(offsetof(struct ring0_trap, rip) == TRAP_RIP, "ring0.S");
static_assert(offsetof(struct ring0_trap, rsp) == TRAP_RSP, "ring0.S");
static_assert(offsetof(struct ring0_trap, cr2) == TRAP_CR2, "ring0.S");
static_assert(offsetof(struct ring0_trap, handler_rsp) == TRAP_HANDLER_RSP,
	      "ring0.S");

/* What IRET takes. */
struct ring0_frame {
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t rdi, rsi;	/* these besides */
};

#define IN_ASSEMBLY __attribute__((used, visibility("hidden")))

IN_ASSEMBLY struct ring0_trap ring0_trap;
IN_ASSEMBLY uint64_t ring0_saved_rsp;
IN_ASSEMBLY uint64_t ring0_fs_base;
IN_ASSEMBLY uint64_t ring0_page_fault;
/* One half for handlers by IST, the other for those by the TSS's RSP0. */
IN_ASSEMBLY uint8_t ring0_stack[STACK_SIZE] __attribute__((aligned(4096)));

static struct ring0_gate ring0_idt[256] __attribute__((aligned(4096)));
static uint64_t ring0_gdt[16] __attribute__((aligned(4096)));
static struct ring0_tss ring0_tss;
static uint64_t ring0_tables[24][ENTRIES] __attribute__((aligned(4096)));
static uint8_t *ring0_user_code;	/* the process may execute it */
static uint8_t ring0_user_stack[PAGE] __attribute__((aligned(4096)));
static int ring0_used;
static int ring0_vcpu;
static uint64_t *ring0_root;

extern const char ring0_stubs[] __attribute__((visibility("hidden")));
extern const char ring0_syscall[] __attribute__((visibility("hidden")));
extern const char ring0_sysenter[] __attribute__((visibility("hidden")));
extern const char ring0_iret[] __attribute__((visibility("hidden")));

/**
 * ring0_run() - try something
 * @code: called with @arg
 * @arg: for it
 *
 * Return: 0 when it returned, 1 when an exception ended it.
 */
int ring0_run(const void *code, const void *arg)
	__attribute__((visibility("hidden")));

/* An exception where none was tried: the test cannot go on. */
IN_ASSEMBLY void ring0_unexpected(const struct ring0_trap *trap);
void ring0_unexpected(const struct ring0_trap *trap)
{
	dprintf(2, "# unexpected exception %lu, error code %#lx, at %#lx\n",
		trap->vector, trap->error_code, trap->rip);
	_exit(1);
}

#define DEFINE_READ(name)						\
	static inline uint64_t read_##name(void)			\
	{								\
		uint64_t value;						\
									\
		asm volatile("mov %%" #name ", %0" : "=r" (value));	\
		return value;						\
	}

#define DEFINE_WRITE(name)						\
	static inline void write_##name(uint64_t value)			\
	{								\
		asm volatile("mov %0, %%" #name : : "r" (value) : "memory"); \
	}

DEFINE_READ(cr0)
DEFINE_READ(cr2)
DEFINE_READ(cr3)
DEFINE_READ(cr4)
DEFINE_READ(cr8)
DEFINE_READ(dr0)
DEFINE_READ(dr1)
DEFINE_READ(dr2)
DEFINE_READ(dr3)
DEFINE_READ(dr6)
DEFINE_READ(dr7)
DEFINE_WRITE(cr0)
DEFINE_WRITE(cr2)
DEFINE_WRITE(cr3)
DEFINE_WRITE(cr4)
DEFINE_WRITE(cr8)
DEFINE_WRITE(dr0)
DEFINE_WRITE(dr1)
DEFINE_WRITE(dr2)
DEFINE_WRITE(dr3)
DEFINE_WRITE(dr6)
DEFINE_WRITE(dr7)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
	return low | (uint64_t)high << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "a" ((uint32_t)value),
		     "d" ((uint32_t)(value >> 32)), "c" (msr) : "memory");
}

static inline void flush_page(uint64_t linear)
{
	asm volatile("invlpg (%0)" : : "r" (linear) : "memory");
}

static inline uint64_t read_flags(void)
{
	uint64_t flags;

	asm volatile("pushfq; pop %0" : "=r" (flags));
	return flags;
}

/* Does the CPU tell of a feature? @reg: 'a' to 'd' */
static inline bool has_cpuid(uint32_t leaf, char reg, int bit)
{
	uint32_t regs[4] = { 0 };

	if (!__get_cpuid_count(leaf, 0, &regs[0], &regs[1], &regs[2],
			       &regs[3]))
		return false;
	return regs[reg - 'a'] >> bit & 1;
}

/* Where the guest finds an address of the process. */
static inline uint64_t ring0_physical(const void *address)
{
	struct dune_window window = { .address = (uint64_t)address };

	if (ioctl(ring0_vcpu, DUNE_GET_WINDOW, &window)) {
		perror("DUNE_GET_WINDOW");
		_exit(1);
	}
	return window.guest_physical +
	       ((uint64_t)address & ((1UL << DUNE_WINDOW_SHIFT) - 1));
}

/* The opposite, within what the process has mapped; NULL: nowhere. */
static inline void *ring0_address(uint64_t physical)
{
	const uint64_t size = 1UL << DUNE_WINDOW_SHIFT;
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2 || start >> 47)
			continue;
		for (start &= -size; start < end; start += size) {
			uint64_t base = ring0_physical((void *)start);

			if (base != (physical & -size))
				continue;
			fclose(maps);
			return (void *)(start + (physical & (size - 1)));
		}
	}
	if (maps)
		fclose(maps);
	return NULL;
}

static inline uint64_t *ring0_new_table(void)
{
	if (ring0_used == ARRAY_SIZE(ring0_tables)) {
		dprintf(2, "# no table left\n");
		_exit(1);
	}
	return ring0_tables[ring0_used++];
}

/* Tables above the pages allow everything. */
static inline uint64_t *ring0_table(uint64_t *entry)
{
	uint64_t *table;
	int i;

	for (i = 0; i < ring0_used; i++)
		if ((*entry & PTE_ADDRESS) == ring0_physical(ring0_tables[i]))
			return ring0_tables[i];
	table = ring0_new_table();
	*entry = ring0_physical(table) | PTE_PRESENT | PTE_WRITE | PTE_USER;
	return table;
}

/* The entry for an address; level 1 is of 4 KiB, 2 of 2 MiB, 3 of 1 GiB. */
static inline uint64_t *ring0_entry(uint64_t *root, uint64_t linear, int level)
{
	uint64_t *table = root;
	int i;

	for (i = 4; i > level; i--)
		table = ring0_table(&table[linear >> (3 + 9 * i) & 511]);
	return &table[linear >> (3 + 9 * level) & 511];
}

/* Maps 4 KiB of the process. Returns the entry. */
static inline uint64_t *ring0_map(uint64_t linear, const void *memory,
				  uint64_t flags)
{
	uint64_t *entry = ring0_entry(ring0_root, linear, 1);

	*entry = ring0_physical(memory) | flags;
	flush_page(linear);
	return entry;
}

static inline void ring0_set_gate(int vector, uint64_t handler)
{
	ring0_idt[vector] = (struct ring0_gate){
		.offset_low = handler,
		.offset_middle = handler >> 16,
		.offset_high = handler >> 32,
		.selector = KERNEL_CODE,
		.ist = 1,
		.type = vector == VECTOR_USER ? 0xee : 0x8e,
	};
}

static inline void ring0_load_idt(uint16_t limit)
{
	const struct ring0_table table = {
		.limit = limit, .base = (uint64_t)ring0_idt,
	};

	asm volatile("lidt %0" : : "m" (table));
}

static inline void ring0_set_idt(void)
{
	struct ring0_table old;
	struct ring0_gate *gate;
	int vector;

	asm volatile("sidt %0" : "=m" (old));
	gate = (struct ring0_gate *)old.base + 14;
	ring0_page_fault = gate->offset_low |
			   (uint64_t)gate->offset_middle << 16 |
			   (uint64_t)gate->offset_high << 32;
	for (vector = 0; vector < 256; vector++)
		ring0_set_gate(vector, (uint64_t)ring0_stubs + 16 * vector);
	/* by this one signals come */
	ring0_idt[VECTOR_SIGNAL] =
		((struct ring0_gate *)old.base)[VECTOR_SIGNAL];
	ring0_load_idt(sizeof(ring0_idt) - 1);
}

/* A descriptor of a TSS (type 9) or an LDT (type 2) takes two entries. */
static inline void ring0_set_system_segment(int selector, int type,
					    const void *base, uint32_t limit)
{
	uint64_t address = (uint64_t)base;

	ring0_gdt[selector / 8] = limit | (address & 0xffffff) << 16 |
				  (0x80UL | type) << 40 |
				  (address >> 24 & 0xff) << 56;
	ring0_gdt[selector / 8 + 1] = address >> 32;
}

static inline void ring0_set_gdt(void)
{
	const struct ring0_table table = {
		.limit = sizeof(ring0_gdt) - 1, .base = (uint64_t)ring0_gdt,
	};

	ring0_gdt[KERNEL_CODE / 8] = 0x00af9b000000ffffUL;
	ring0_gdt[KERNEL_DATA / 8] = 0x00cf93000000ffffUL;
	ring0_gdt[USER_CODE32 / 8] = 0x00cffb000000ffffUL;
	ring0_gdt[USER_DATA / 8] = 0x00cff3000000ffffUL;
	ring0_gdt[USER_CODE / 8] = 0x00affb000000ffffUL;
	ring0_tss.rsp[0] = (uint64_t)(ring0_stack + STACK_SIZE / 2);
	ring0_tss.ist[0] = (uint64_t)(ring0_stack + STACK_SIZE);
	ring0_tss.ist[1] = (uint64_t)(ring0_stack + STACK_SIZE / 4);
	ring0_tss.io_map = sizeof(ring0_tss);
	ring0_set_system_segment(TSS_SELECTOR, 9, &ring0_tss,
				 sizeof(ring0_tss) - 1);
	asm volatile("lgdt %0\n\t"
		     "ltr %w1\n\t"
		     "mov %2, %%ss\n\t"
		     "pushq %3\n\t"
		     "lea 1f(%%rip), %%rax\n\t"
		     "push %%rax\n\t"
		     "lretq\n"
		     "1:\n\t"
		     "xor %%eax, %%eax\n\t"
		     "mov %%eax, %%ds\n\t"
		     "mov %%eax, %%es\n\t"
		     "mov %%eax, %%fs\n\t"
		     "mov %%eax, %%gs"
		     : : "m" (table), "r" (TSS_SELECTOR), "r" (KERNEL_DATA),
		     "i" (KERNEL_CODE) : "rax", "memory");
	wrmsr(MSR_FS_BASE, ring0_fs_base);
}

/**
 * ring0_enter() - go on in ring 0
 *
 * Return: 0; -ENOENT when the module is not loaded; a negative errno.
 */
static inline int ring0_enter(void)
{
	struct dune_create_vcpu args = { 0 };
	int err = dune_init(NULL);
	int device;

	if (err)
		return err;
	/* Only to ask for windows: they are the process's. */
	device = open("/dev/dune", O_RDWR | O_CLOEXEC);
	ring0_vcpu = ioctl(device, DUNE_CREATE_VCPU, &args);
	close(device);
	if (ring0_vcpu < 0)
		return -errno;
	err = dune_enter();
	if (err)
		return err;
	ring0_fs_base = rdmsr(MSR_FS_BASE);
	ring0_root = ring0_address(read_cr3());
	if (!ring0_root)
		return -EFAULT;
	ring0_set_gdt();
	ring0_set_idt();
	ring0_user_code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring0_user_code == MAP_FAILED)
		return -ENOMEM;
	ring0_map(AREA_CODE, ring0_user_code, PTE_PRESENT | PTE_USER);
	ring0_map(AREA_STACK - PAGE, ring0_user_stack,
		  PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX);
	return 0;
}

/* The state in which ring 3 begins with a piece of code. */
static inline struct ring0_frame ring3_frame(const char *code, const char *end,
					     uint64_t rdi)
{
	memcpy(ring0_user_code, code, end - code);
	return (struct ring0_frame){
		.rip = AREA_CODE, .cs = USER_CODE, .rflags = FLAG_IF | 2,
		.rsp = AREA_STACK - 64, .ss = USER_DATA, .rdi = rdi,
	};
}

/**
 * ring3_run() - try a CODE() in ring 3
 * @name: of the code, with @rdi in that register
 *
 * It comes back by an exception, which is in ring0_trap.
 */
#define ring3_run(name, rdi) do {					\
	struct ring0_frame frame_ = ring3_frame(name, name##_end,	\
						(uint64_t)(rdi));	\
	ring0_run(ring0_iret, &frame_);					\
} while (0)

/* Where in the try it was, with 0 for the first byte. */
static inline int64_t trap_offset(const char *code)
{
	if ((ring0_trap.cs & 3) == 3)
		return ring0_trap.rip - AREA_CODE;
	return ring0_trap.rip - (uint64_t)code;
}

CODE(ring0_write_cr4, "mov %rdi, %cr4");

/* Turns a bit on, unless the CPU lacks it or the host keeps it off. */
static inline bool can_set_cr4(uint64_t bit)
{
	return !ring0_run(ring0_write_cr4, (void *)(read_cr4() | bit));
}

/**
 * EXPECT_TRAP() - what was tried ended with this exception
 * @vector_: its number
 * @error_: its error code, 0 if it has none
 * @code: what was tried
 * @offset: where in the code the exception points to
 */
#define EXPECT_TRAP(vector_, error_, code, offset)			\
	EXPECT_TRAP_AT(vector_, error_, trap_offset(code), offset, #code)

#define EXPECT_TRAP_AT(vector_, error_, seen, offset, name) do {	\
	const char *name_ = name;					\
									\
	EXPECT_EQ(vector_, ring0_trap.vector) TH_LOG("%s", name_);	\
	EXPECT_EQ((uint64_t)(error_), ring0_trap.error_code)		\
		TH_LOG("%s", name_);					\
	EXPECT_EQ((int64_t)(offset), seen) TH_LOG("%s", name_);		\
} while (0)

/* A CODE() in ring 0 that ends at once, and by what. */
#define EXPECT_RUN_TRAPS(vector_, error_, code, arg) do {		\
	const char *code_ = code;					\
									\
	EXPECT_EQ(1, ring0_run(code_, (void *)(uint64_t)(arg)));	\
	EXPECT_TRAP_AT(vector_, error_, trap_offset(code_), 0, #code);	\
} while (0)

/* The same in ring 3. */
#define EXPECT_RING3_TRAPS(vector_, error_, code, rdi) do {		\
	ring3_run(code, rdi);						\
	EXPECT_TRAP_AT(vector_, error_,					\
		       (int64_t)(ring0_trap.rip - AREA_CODE), 0, #code); \
	EXPECT_EQ(USER_CODE, ring0_trap.cs) TH_LOG("%s", #code);	\
} while (0)

#endif /* !__ASSEMBLER__ */
#endif /* DUNE_SELFTESTS_RING0_H */
