/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ramboot - an option ROM that starts a Linux kernel which is in memory
 *
 * Bochs puts files into memory before the first instruction, which saves
 * reading them through an emulated disk: tools/vm/bochs.py puts there the
 * kernel's protected-mode part, the initial root file system, and a "zero
 * page" (struct boot_params) with the setup header and the command line. What
 * only the BIOS knows, the memory map, is added here; then the kernel is
 * entered as Documentation/x86/boot.rst has it ("32-bit boot protocol").
 */

/* Known to tools/vm/bochs.py too. */
#define ZERO_PAGE	0x00f00000
#define KERNEL		0x01000000

#define SCRATCH_SEGMENT	0x8000		/* for the memory map */
#define SCRATCH		(SCRATCH_SEGMENT << 4)

/* struct boot_params */
#define E820_ENTRIES	0x1e8
#define E820_TABLE	0x2d0
#define E820_MOST	128
#define E820_SIZE	20

#define E820_CALL	0xe820
#define SMAP		0x534d4150

/* the selectors that the protocol demands */
#define BOOT_CS		0x10
#define BOOT_DS		0x18

	.code16
	.globl	_start
_start:
	.word	0xaa55
	.byte	4			/* units of 512 bytes */

	/* the BIOS calls here, in real mode */
	cli
	cld
	movw	$SCRATCH_SEGMENT, %ax
	movw	%ax, %es
	xorw	%di, %di
	xorl	%ebx, %ebx
	xorw	%bp, %bp		/* entries so far */
next_entry:
	movl	$E820_CALL, %eax
	movl	$E820_SIZE, %ecx
	movl	$SMAP, %edx
	int	$0x15
	jc	map_done
	cmpl	$SMAP, %eax
	jne	map_done
	addw	$E820_SIZE, %di
	incw	%bp
	cmpw	$E820_MOST, %bp
	jae	map_done
	testl	%ebx, %ebx
	jnz	next_entry
map_done:
	cli
	lgdtl	%cs:gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	/* flat from here on; the ROM is at 0xd0000 */
	ljmpl	$BOOT_CS, $(0xd0000 + protected)

	.code32
protected:
	movw	$BOOT_DS, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movl	$SCRATCH, %esp

	movzwl	%bp, %eax
	movb	%al, ZERO_PAGE + E820_ENTRIES
	imull	$E820_SIZE, %eax, %ecx
	movl	$SCRATCH, %esi
	movl	$(ZERO_PAGE + E820_TABLE), %edi
	rep movsb

	movl	$ZERO_PAGE, %esi
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%edi, %edi
	movl	$KERNEL, %eax
	jmp	*%eax

	.balign	8
gdt:
	.quad	0
	.quad	0
	.quad	0x00cf9b000000ffff	/* BOOT_CS: 4 GiB of code */
	.quad	0x00cf93000000ffff	/* BOOT_DS: 4 GiB of data */
gdt_pointer:
	.word	. - gdt - 1
	.long	0xd0000 + gdt

	.org	2047
	.byte	0			/* makes the sum of all bytes zero */
