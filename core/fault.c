// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested faults: what the host's page table says is copied to the nested one.
 *
 * The page is not pinned and no reference is kept: the entry is read, and it
 * is installed only if no invalidation came in between.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "hardware.h"
#include "space.h"
#include "vcpu.h"

/* How many pages are looked at together: a page is seldom used alone. */
#define AROUND		16

/* What the host's page table says of an address. */
struct host_page {
	struct dune_mapping mapping;
	bool present;
	bool used;
	bool small;
	pte_t around[AROUND];	/* of a small page, its own among them */
};

/*
 * The guest may do what a user access may do at this moment without a fault.
 * An entry that is writable but clean is mapped read-only: the host wants to
 * see the first write. The first use it sees by the nested entry itself, which
 * clear_flush_young() in space.c reports.
 */
static struct dune_mapping mapping_of(unsigned long entry, u64 pfn,
				      enum dune_level level)
{
	return (struct dune_mapping) {
		.pfn = pfn,
		.level = level,
		.write = (entry & (_PAGE_RW | _PAGE_DIRTY)) ==
			 (_PAGE_RW | _PAGE_DIRTY),
		.exec = !(entry & _PAGE_NX),
		.uncached = entry & (_PAGE_PWT | _PAGE_PCD),
	};
}

static void read_leaf(struct host_page *page, unsigned long entry, u64 pfn,
		      enum dune_level level)
{
	page->present = (entry & (_PAGE_PRESENT | _PAGE_USER)) ==
			(_PAGE_PRESENT | _PAGE_USER);
	page->used = entry & _PAGE_ACCESSED;
	page->mapping = mapping_of(entry, pfn, level);
}

/* The first of those that a page is with. */
static u64 first_of(u64 address)
{
	return address & ~(AROUND * PAGE_SIZE - 1);
}

/* Those around it are of the same table. */
static void read_entries(pte_t *table, unsigned long address,
			 struct host_page *page)
{
	pte_t *first = table - address / PAGE_SIZE % AROUND;
	pte_t pte = READ_ONCE(*table);
	unsigned int i;

	if (!pte_present(pte))
		return;
	read_leaf(page, pte_val(pte), pte_pfn(pte), DUNE_LEVEL_4K);
	page->small = true;
	for (i = 0; i < AROUND; i++)
		page->around[i] = READ_ONCE(first[i]);
}

/*
 * Reads the host's page table as get_user_pages_fast() does: with interrupts
 * off, tables are not freed under us.
 */
static void read_host_page(struct mm_struct *mm, unsigned long address,
			   struct host_page *page)
{
	unsigned long flags;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	page->present = false;
	page->small = false;
	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, address));
	if (pgd_none(pgd) || pgd_bad(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(pgd_offset(mm, address), address));
	if (p4d_none(p4d) || p4d_bad(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, address));
	if (!pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		read_leaf(page, pud_val(pud), pud_pfn(pud), DUNE_LEVEL_1G);
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, address));
	if (!pmd_present(pmd))
		goto out;
	if (pmd_leaf(pmd)) {
		read_leaf(page, pmd_val(pmd), pmd_pfn(pmd), DUNE_LEVEL_2M);
		goto out;
	}
	read_entries(pte_offset_kernel(&pmd, address), address, page);
out:
	local_irq_restore(flags);
}

static bool allows(const struct host_page *page, const struct dune_exit *exit)
{
	return page->present && (!exit->write || page->mapping.write) &&
	       (!exit->fetch || page->mapping.exec);
}

/*
 * Some things fixup_user_fault() does not do, an access of the process does: it
 * grows a stack, and reads what may be written only, or executed only; and the
 * CPU marks the page as used.
 */
static int access_as_user(unsigned long address)
{
	return fault_in_readable((const char __user *)address, 1) ? -EFAULT : 0;
}

/*
 * Nor does it fetch from what may be executed only; and there protection keys
 * may keep anybody from reading. The mm is locked.
 */
static int fetch_as_user(struct vm_area_struct *vma, unsigned long address)
{
	vm_fault_t fault;

	if (!(vma->vm_flags & VM_EXEC))
		return -EFAULT;
	fault = handle_mm_fault(vma, address,
				FAULT_FLAG_USER | FAULT_FLAG_INSTRUCTION, NULL);
	return fault & VM_FAULT_ERROR ? vm_fault_to_errno(fault, 0) : 0;
}

/* Has the host bring the page in, as a user's access would. */
static int fault_in(struct mm_struct *mm, unsigned long address,
		    const struct dune_exit *exit)
{
	unsigned int flags = FAULT_FLAG_USER;
	struct vm_area_struct *vma;
	bool unlocked = false;
	bool as_user = false;
	int err = 0;

	if (exit->write)
		flags |= FAULT_FLAG_WRITE;
	if (exit->fetch)
		flags |= FAULT_FLAG_INSTRUCTION;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, address);
	if (!vma || (!(vma->vm_flags & VM_READ) && !exit->write && !exit->fetch))
		as_user = true;
	else if (exit->fetch && !(vma->vm_flags & VM_READ))
		err = fetch_as_user(vma, address);
	else
		err = fixup_user_fault(mm, address, flags, &unlocked);
	mmap_read_unlock(mm);
	return as_user ? access_as_user(address) : err;
}

/* Nested pages are no larger than the nested page table can have them. */
static void fit(struct dune_mapping *mapping, u64 address, u64 sizes)
{
	u64 size = dune_level_size(mapping->level);

	while (!(sizes & size)) {
		u64 below = dune_level_size(mapping->level - 1);

		mapping->pfn += (address & (size - 1) & ~(below - 1)) >>
				PAGE_SHIFT;
		mapping->level--;
		size = below;
	}
}

/*
 * Only those are mapped that are in use already, so that the host hears of every
 * first use.
 */
static void map_around(struct dune_vcpu *vcpu, u64 gpa,
		       const struct host_page *page)
{
	const unsigned long in_use = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;
	struct dune_npt *npt = &vcpu->space->npt;
	u64 *entries = dune_npt_small(npt, first_of(gpa));
	unsigned int i;

	for (i = 0; entries && i < AROUND; i++) {
		pte_t pte = page->around[i];
		struct dune_mapping mapping;

		if (entries[i] || (pte_val(pte) & in_use) != in_use)
			continue;
		mapping = mapping_of(pte_val(pte), pte_pfn(pte), DUNE_LEVEL_4K);
		WRITE_ONCE(entries[i], dune_npt_leaf(npt, &mapping));
		vcpu->stats.around++;
	}
}

/* Installs what was found, if it is still true and there is a table for it. */
static int install(struct dune_vcpu *vcpu, u64 gpa,
		   struct dune_npt_cache *cache,
		   const struct host_page *page, unsigned long sequence)
{
	const struct dune_mapping *mapping = &page->mapping;
	struct dune_space *space = vcpu->space;
	int ret = -EAGAIN;

	spin_lock(&space->lock);
	if (space->invalidating || space->sequence != sequence)
		goto unlock;
	ret = dune_npt_map(&space->npt, cache, gpa, mapping);
	if (ret < 0)
		goto unlock;
	if (ret)
		dune_space_flush(space);
	if (page->small)
		map_around(vcpu, gpa, page);
	vcpu->stats.nested_faults[mapping->level - DUNE_LEVEL_4K]++;
	ret = 0;
unlock:
	spin_unlock(&space->lock);
	return ret;
}

/* Nested pages that the hardware can have, and that are safe on it. */
static void fit_to_hardware(struct dune_mapping *mapping, u64 address)
{
	u64 sizes = dune_hardware.caps.nested_page_sizes;

	if (mapping->exec && dune_hardware.caps.no_large_exec)
		sizes = PAGE_SIZE;
	fit(mapping, address, sizes);
}

/**
 * dune_space_fault() - map what the guest accessed
 * @vcpu: of the current process
 * @exit: what the access was
 * @address: set to the address in the process, if there is one
 *
 * Return: 0, also when the guest is just to try again; -EFAULT when the
 * process has nothing there or not with these rights; -EINTR when it is being
 * killed; -ENOMEM; -EHWPOISON.
 */
int dune_space_fault(struct dune_vcpu *vcpu, const struct dune_exit *exit,
		     u64 *address)
{
	struct dune_space *space = vcpu->space;
	struct mm_struct *mm = space->notifier.mm;
	struct dune_npt_cache cache = { 0 };
	struct host_page page;
	unsigned long sequence;
	int err = 0;

	*address = 0;
	if (!dune_window_address(space, exit->gpa, address))
		return -EFAULT;
	while (!err) {
		sequence = READ_ONCE(space->sequence);
		/* Pairs with the lock in install(): first this, then the entry. */
		smp_rmb();
		read_host_page(mm, *address, &page);
		if (allows(&page, exit)) {
			/* For those who look without a notifier, as smaps. */
			if (!page.used)
				access_as_user(*address);
			fit_to_hardware(&page.mapping, *address);
			err = install(vcpu, exit->gpa, &cache, &page, sequence);
			if (!err)
				break;
			err = err == -ENOSPC ? dune_npt_cache_fill(&cache) : 0;
			cond_resched();
		} else if (page.present && exit->fetch && !page.mapping.exec) {
			/* fixup_user_fault() does not look at VM_EXEC. */
			err = -EFAULT;
		} else {
			err = fault_in(mm, *address, exit);
		}
		if (signal_pending(current))
			break;
	}
	dune_npt_cache_drain(&cache);
	return err;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_space_fault);
