// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory by the guest's own page table. */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "vcpu.h"

#define ADDRESS_MASK	GENMASK_ULL(51, 12)

/*
 * Finds what a linear address is in the process. Rights are not looked at: the
 * process's own decide what can be read.
 */
static bool walk(struct dune_vcpu *vcpu, u64 cr3, u64 linear, u64 *address)
{
	u64 entry = cr3, offset_mask;
	int level;

	for (level = 4; level > 0; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 gpa = (entry & ADDRESS_MASK) + 8 * (linear >> shift & 511);

		if (!dune_window_address(vcpu->space, gpa, address) ||
		    get_user(entry, (u64 __user *)*address) ||
		    !(entry & _PAGE_PRESENT))
			return false;
		offset_mask = (1ULL << shift) - 1;
		if (level < 4 && (entry & _PAGE_PSE))
			break;
	}
	return dune_window_address(vcpu->space,
				   (entry & ADDRESS_MASK & ~offset_mask) |
				   (linear & offset_mask), address);
}

/**
 * dune_guest_read() - read what the guest has at a linear address
 * @vcpu: of the current process
 * @linear: the address
 * @buffer: where to put it
 * @len: how many bytes
 *
 * Return: how many bytes could be read, up to @len.
 */
size_t dune_guest_read(struct dune_vcpu *vcpu, u64 linear, void *buffer,
		       size_t len)
{
	struct dune_controls controls;
	size_t done = 0;

	dune_vcpu_get_controls(vcpu, &controls);
	while (done < len) {
		size_t piece = min_t(size_t, len - done,
				     PAGE_SIZE - offset_in_page(linear + done));
		u64 address;

		if (!walk(vcpu, controls.cr3, linear + done, &address) ||
		    copy_from_user(buffer + done, (void __user *)address, piece))
			break;
		done += piece;
	}
	return done;
}
