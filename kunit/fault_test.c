// SPDX-License-Identifier: GPL-2.0-only
/* Nested faults: what the process may do, and no more, at the right size. */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "../core/compat.h"
#include "../core/hardware.h"
#include "fake_hal.h"
#include "process.h"

#define GIB		BIT_ULL(30)
#define ADDRESS_MASK	GENMASK_ULL(51, 12)

#define READ	0
#define WRITE	1
#define FETCH	2

/* The identity, if not said otherwise. */
static struct dune_vcpu *make(struct kunit *test)
{
	process_set_phys_bits(48);
	return process_vcpu(test);
}

static int fault(struct dune_vcpu *vcpu, u64 gpa, int access)
{
	const struct dune_exit exit = {
		.reason = DUNE_HW_NESTED_FAULT,
		.gpa = gpa,
		.write = access == WRITE,
		.fetch = access == FETCH,
	};
	u64 address;

	return dune_space_fault(vcpu, &exit, &address);
}

static u64 entry_of(struct dune_vcpu *vcpu, u64 gpa)
{
	enum dune_level level;

	return dune_npt_lookup(&vcpu->space->npt, gpa, &level);
}

static enum dune_level level_of(struct dune_vcpu *vcpu, u64 gpa)
{
	enum dune_level level;

	return dune_npt_lookup(&vcpu->space->npt, gpa, &level) ? level : 0;
}

static bool allows(struct dune_vcpu *vcpu, u64 gpa, int access)
{
	static const u64 bits[] = {
		[READ] = BIT_ULL(0), [WRITE] = BIT_ULL(2), [FETCH] = BIT_ULL(3),
	};

	return entry_of(vcpu, gpa) & bits[access];
}

/* What the guest would read. */
static u8 guest_byte(struct dune_vcpu *vcpu, u64 gpa)
{
	enum dune_level level;
	u64 entry = dune_npt_lookup(&vcpu->space->npt, gpa, &level);
	u64 inside = dune_level_size(level) - 1;

	return *(u8 *)phys_to_virt((entry & ADDRESS_MASK & ~inside) |
				   (gpa & inside));
}

static void an_absent_page_is_brought_in(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, READ));
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, READ));
	/* It is the page of zeros that all share. */
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address, WRITE));
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address, FETCH));
	KUNIT_EXPECT_EQ(test, 0, guest_byte(vcpu, address));

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, WRITE));
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, WRITE));
	process_write(test, address, "A", 1);
	KUNIT_EXPECT_EQ(test, 'A', guest_byte(vcpu, address));
	KUNIT_EXPECT_EQ(test, 2ULL, vcpu->stats.nested_faults[0]);
}

static void a_clean_page_is_read_only(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE, MAP_SHARED);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, READ));
	/* The host's entry allows it, but the host does not know of a write. */
	KUNIT_EXPECT_TRUE(test, pte_write(*process_pte(test, address)));
	KUNIT_EXPECT_FALSE(test, pte_dirty(*process_pte(test, address)));
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, READ));
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address, WRITE));

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, WRITE));
	KUNIT_EXPECT_TRUE(test, pte_dirty(*process_pte(test, address)));
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, WRITE));
}

/* The host asks whether the page was used, and makes it old. */
static bool looked_at(struct dune_vcpu *vcpu, u64 address)
{
	struct mmu_notifier *notifier = &vcpu->space->notifier;

	return notifier->ops->clear_flush_young(notifier, notifier->mm, address,
						address + PAGE_SIZE);
}

static void an_old_page_can_be_used(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	pte_t *pte;

	process_write(test, address, "A", 1);
	pte = process_pte(test, address);
	set_pte(pte, pte_mkold(*pte));
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, READ));
	KUNIT_EXPECT_EQ(test, 'A', guest_byte(vcpu, address));
	/* Whether it was used is known from the nested entry. */
	KUNIT_EXPECT_TRUE(test, looked_at(vcpu, address));
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address, READ));
}

static void an_old_neighbour_stays_old(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, 32 * PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	pte_t *pte;

	address = ALIGN(address, 16 * PAGE_SIZE);
	process_write(test, address, "A", 1);
	process_write(test, address + PAGE_SIZE, "B", 1);
	pte = process_pte(test, address + PAGE_SIZE);
	set_pte(pte, pte_mkold(*pte));
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, READ));
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address + PAGE_SIZE, READ));
}

/* What a mapping with these rights lets the guest do. */
static void expect_rights(struct kunit *test, struct dune_vcpu *vcpu,
			  unsigned long prot, int read, int write, int fetch)
{
	unsigned long address = process_map(test, PAGE_SIZE, prot, MAP_PRIVATE);

	KUNIT_EXPECT_EQ(test, read, fault(vcpu, address, READ));
	KUNIT_EXPECT_EQ(test, write, fault(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, fetch, fault(vcpu, address, FETCH));
	KUNIT_EXPECT_EQ(test, !read, allows(vcpu, address, READ));
	KUNIT_EXPECT_EQ(test, !write, allows(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, !fetch, allows(vcpu, address, FETCH));
	/* The order makes no difference: now it is there, before it was not. */
	KUNIT_EXPECT_EQ(test, fetch, fault(vcpu, address, FETCH));
	KUNIT_EXPECT_EQ(test, write, fault(vcpu, address, WRITE));
}

static void rights_are_the_process_s(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	expect_rights(test, vcpu, PROT_NONE, -EFAULT, -EFAULT, -EFAULT);
	expect_rights(test, vcpu, PROT_READ, 0, -EFAULT, -EFAULT);
	expect_rights(test, vcpu, PROT_READ | PROT_WRITE, 0, 0, -EFAULT);
	expect_rights(test, vcpu, PROT_READ | PROT_EXEC, 0, -EFAULT, 0);
	expect_rights(test, vcpu, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0);
}

static void an_absent_page_is_not_executed_either(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, PAGE_SIZE, PROT_READ,
					    MAP_PRIVATE);

	KUNIT_EXPECT_EQ(test, -EFAULT, fault(vcpu, address, FETCH));
	KUNIT_EXPECT_FALSE(test, allows(vcpu, address, FETCH));
}

static void where_nothing_is_nothing_is_mapped(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long there = process_map(test, PAGE_SIZE,
					  PROT_READ | PROT_WRITE, MAP_PRIVATE);
	const struct dune_exit below = { .gpa = 0x123456789000 };
	const struct dune_exit beyond = { .gpa = 1ULL << 47 };
	u64 address = 1;

	KUNIT_EXPECT_EQ(test, -EFAULT, dune_space_fault(vcpu, &below, &address));
	KUNIT_EXPECT_EQ(test, below.gpa, address);
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, below.gpa));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			dune_space_fault(vcpu, &beyond, &address));

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, there, WRITE));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(there, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, there));
	KUNIT_EXPECT_EQ(test, -EFAULT, fault(vcpu, there, READ));
}

static void a_window_shows_its_part_of_the_process(struct kunit *test)
{
	struct dune_vcpu *vcpu;
	unsigned long address;
	u64 gpa;

	process_set_phys_bits(36);
	vcpu = process_vcpu(test);
	address = process_map(test, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE);
	process_write(test, address + 5, "W", 1);
	KUNIT_EXPECT_EQ(test, -EFAULT, fault(vcpu, 0, READ));
	KUNIT_ASSERT_EQ(test, 0, dune_window_get(vcpu->space, 0, &gpa));
	KUNIT_ASSERT_EQ(test, 0, dune_window_get(vcpu->space, address, &gpa));
	KUNIT_EXPECT_EQ(test, GIB, gpa);
	gpa += address % GIB;
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, gpa, READ));
	KUNIT_EXPECT_EQ(test, 'W', guest_byte(vcpu, gpa + 5));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(address, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, gpa));
}

static void neighbours_come_along(struct kunit *test)
{
	static const char letters[] = "abcdefghijklmnop";
	struct dune_vcpu *vcpu = make(test);
	unsigned long block = 16 * PAGE_SIZE, address, i;

	address = process_map(test, 3 * block, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE);
	address = ALIGN(address, block) + block;
	/* All but one are there, on both sides of the block as well. */
	for (i = 0; i < 16; i++)
		if (i != 7)
			process_write(test, address + i * PAGE_SIZE,
				      &letters[i], 1);
	process_write(test, address - PAGE_SIZE, "<", 1);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 3 * PAGE_SIZE, READ));
	for (i = 0; i < 16; i++) {
		if (i == 7)
			continue;
		KUNIT_EXPECT_EQ(test, letters[i],
				guest_byte(vcpu, address + i * PAGE_SIZE));
		KUNIT_EXPECT_TRUE(test, allows(vcpu, address + i * PAGE_SIZE,
					       WRITE));
	}
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, address + 7 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, address - PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 14ULL, vcpu->stats.around);
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.nested_faults[0]);
}

/* Writable memory that starts at a large page, which the host makes one. */
static unsigned long map_large(struct kunit *test, unsigned long prot)
{
	unsigned long address;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(test, "the kernel has no transparent huge pages");
	address = process_map(test, 2 * PMD_SIZE, prot, MAP_PRIVATE);
	address = ALIGN(address, PMD_SIZE);
	mmap_write_lock(process_mm(test));
	dune_vm_flags_set(find_vma(process_mm(test), address), VM_HUGEPAGE);
	mmap_write_unlock(process_mm(test));
	process_write(test, address + 0x123456, "L", 1);
	return address;
}

static void a_large_page_is_mapped_large(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = map_large(test, PROT_READ | PROT_WRITE);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 0x54321, WRITE));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_2M, level_of(vcpu, address));
	KUNIT_EXPECT_EQ(test, 'L', guest_byte(vcpu, address + 0x123456));
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.nested_faults[1]);
	KUNIT_EXPECT_EQ(test, 0ULL, vcpu->stats.around);

	/* When a part goes, all of it goes. */
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(address, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, level_of(vcpu, address + PAGE_SIZE));
	/* What the host split comes back in small pieces. */
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 0x123456, WRITE));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_4K, level_of(vcpu, address + 0x123456));
	KUNIT_EXPECT_EQ(test, 'L', guest_byte(vcpu, address + 0x123456));
	KUNIT_EXPECT_EQ(test, -EFAULT, fault(vcpu, address, READ));
}

static void small_hardware_gets_pieces_of_a_large_page(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = map_large(test, PROT_READ | PROT_WRITE);

	dune_hardware.caps.nested_page_sizes = BIT_ULL(12);
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 0x123000, READ));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_4K, level_of(vcpu, address + 0x123000));
	KUNIT_EXPECT_EQ(test, 'L', guest_byte(vcpu, address + 0x123456));
}

static void a_large_page_can_be_too_dangerous_to_execute(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long code = map_large(test, PROT_READ | PROT_WRITE | PROT_EXEC);
	unsigned long data = map_large(test, PROT_READ | PROT_WRITE);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, code, FETCH));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_2M, level_of(vcpu, code));
	dune_hardware.caps.no_large_exec = true;
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(code + PMD_SIZE - PAGE_SIZE,
					   PAGE_SIZE));
	code = map_large(test, PROT_READ | PROT_WRITE | PROT_EXEC);
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, code + 0x123000, FETCH));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_4K, level_of(vcpu, code + 0x123000));
	KUNIT_EXPECT_EQ(test, 'L', guest_byte(vcpu, code + 0x123456));
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, data, WRITE));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_2M, level_of(vcpu, data));
}

/* An entry such as a huge page of 1 GiB has; nobody frees what it points to. */
static void the_largest_page_is_known(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long near = process_map(test, PAGE_SIZE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE);
	unsigned long address = ALIGN_DOWN(near, GIB) - 4 * GIB;
	pud_t *pud;

	process_write(test, near, "x", 1);
	pud = process_pud(test, address);
	KUNIT_ASSERT_TRUE(test, pud_none(*pud));
	set_pud(pud, __pud(3 * GIB | _PAGE_PRESENT | _PAGE_USER | _PAGE_RW |
			   _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_PSE | _PAGE_NX));

	dune_hardware.caps.nested_page_sizes |= GIB;
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 0x12345678, WRITE));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_1G, level_of(vcpu, address));
	KUNIT_EXPECT_EQ(test, 3 * GIB, entry_of(vcpu, address) & ADDRESS_MASK);
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.nested_faults[2]);

	/* Hardware that has none gets the next smaller one. */
	dune_hardware.caps.nested_page_sizes &= ~GIB;
	spin_lock(&vcpu->space->lock);
	dune_npt_zap(&vcpu->space->npt, 0, 1ULL << 47);
	dune_space_flush(vcpu->space);
	spin_unlock(&vcpu->space->lock);
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address + 0x12345678, WRITE));
	KUNIT_EXPECT_EQ(test, DUNE_LEVEL_2M, level_of(vcpu, address + 0x12345678));
	KUNIT_EXPECT_EQ(test, 3 * GIB + 0x12200000,
			entry_of(vcpu, address + 0x12345678) & ADDRESS_MASK);
	set_pud(pud, __pud(0));
}

/* Where no memory is, on a PC: for nobody to touch. */
#define DEVICE_PFN	0xfe0a0

static int map_device(struct file *file, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, DEVICE_PFN, PAGE_SIZE,
			       pgprot_noncached(vma->vm_page_prot));
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.mmap = map_device,
};

static void device_memory_is_not_cached(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct file *file = anon_inode_getfile("dune-test-device", &device_fops,
					       NULL, O_RDWR);
	unsigned long address, memory;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	address = vm_mmap(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED, 0);
	fput(file);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(address));
	memory = process_map(test, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE);

	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, (u64)DEVICE_PFN << PAGE_SHIFT,
			entry_of(vcpu, address) & ADDRESS_MASK);
	KUNIT_EXPECT_TRUE(test, allows(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, fake_npt_format.uncached,
			entry_of(vcpu, address) & (fake_npt_format.uncached |
						   fake_npt_format.writeback));
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, memory, WRITE));
	KUNIT_EXPECT_EQ(test, fake_npt_format.writeback,
			entry_of(vcpu, memory) & (fake_npt_format.uncached |
						  fake_npt_format.writeback));
}

static struct mmu_notifier_range range_of(struct dune_vcpu *vcpu, u64 address)
{
	return (struct mmu_notifier_range) {
		.mm = vcpu->space->notifier.mm,
		.start = address,
		.end = address + PAGE_SIZE,
	};
}

struct invalidation {
	struct delayed_work work;
	struct dune_vcpu *vcpu;
	unsigned long address;
	bool mapped_too_early;
};

static void end_invalidation(struct work_struct *work)
{
	struct invalidation *this = container_of(work, struct invalidation,
						 work.work);
	struct mmu_notifier *notifier = &this->vcpu->space->notifier;
	struct mmu_notifier_range range = range_of(this->vcpu, this->address);

	this->mapped_too_early = entry_of(this->vcpu, this->address);
	notifier->ops->invalidate_range_end(notifier, &range);
}

static void a_fault_waits_for_an_invalidation(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct mmu_notifier *notifier = &vcpu->space->notifier;
	struct invalidation invalidation = { .vcpu = vcpu };
	struct mmu_notifier_range range;

	invalidation.address = process_map(test, PAGE_SIZE,
					   PROT_READ | PROT_WRITE, MAP_PRIVATE);
	process_write(test, invalidation.address, "x", 1);
	range = range_of(vcpu, invalidation.address);

	INIT_DELAYED_WORK_ONSTACK(&invalidation.work, end_invalidation);
	notifier->ops->invalidate_range_start(notifier, &range);
	schedule_delayed_work(&invalidation.work, msecs_to_jiffies(50));
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, invalidation.address, WRITE));
	KUNIT_EXPECT_EQ(test, 0UL, vcpu->space->invalidating);
	flush_delayed_work(&invalidation.work);
	destroy_delayed_work_on_stack(&invalidation.work);
	KUNIT_EXPECT_FALSE(test, invalidation.mapped_too_early);
	KUNIT_EXPECT_TRUE(test, allows(vcpu, invalidation.address, WRITE));
}

static void a_signal_ends_the_wait(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct mmu_notifier *notifier = &vcpu->space->notifier;
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	struct mmu_notifier_range range = range_of(vcpu, address);

	process_write(test, address, "x", 1);
	notifier->ops->invalidate_range_start(notifier, &range);
	process_signal();
	/* The run loop sees the signal; the guest tries again after it. */
	KUNIT_EXPECT_EQ(test, 0, fault(vcpu, address, WRITE));
	KUNIT_EXPECT_EQ(test, 0ULL, entry_of(vcpu, address));
	process_no_signal();
	notifier->ops->invalidate_range_end(notifier, &range);
}

/* The host changes its mind while a fault is about to install what it read. */
struct race {
	struct work_struct work;
	struct dune_vcpu *vcpu;
	pte_t *pte;
	bool counted;
	bool locked;
	bool fault_waited;
};

static void take_the_right_away(struct work_struct *work)
{
	struct race *race = container_of(work, struct race, work);
	struct dune_space *space = race->vcpu->space;
	int i = 0;

	spin_lock(&space->lock);
	WRITE_ONCE(race->locked, true);
	while (!spin_is_contended(&space->lock) && i++ < 1000000)
		udelay(5);
	race->fault_waited = spin_is_contended(&space->lock);
	set_pte(race->pte, pte_wrprotect(*race->pte));
	if (race->counted)
		space->sequence++;
	spin_unlock(&space->lock);
}

static void lose_race(struct kunit *test, struct race *race,
		      unsigned long address)
{
	int here, there;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	/* Or the fault would have to look twice, the first time for tables. */
	process_write(test, address + PAGE_SIZE, "y", 1);
	KUNIT_ASSERT_EQ(test, 0, fault(race->vcpu, address + PAGE_SIZE, READ));
	process_write(test, address, "x", 1);
	race->pte = process_pte(test, address);
	INIT_WORK_ONSTACK(&race->work, take_the_right_away);

	here = get_cpu();
	there = cpumask_any_but(cpu_online_mask, here);
	queue_work_on(there, system_highpri_wq, &race->work);
	put_cpu();
	while (!READ_ONCE(race->locked))
		cond_resched();
	KUNIT_EXPECT_EQ(test, 0, fault(race->vcpu, address, READ));
	flush_work(&race->work);
	destroy_work_on_stack(&race->work);
	KUNIT_EXPECT_TRUE(test, race->fault_waited);
}

static void what_changed_meanwhile_is_read_again(struct kunit *test)
{
	struct race race = { .vcpu = make(test), .counted = true };
	unsigned long address = process_map(test, 2 * PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);

	lose_race(test, &race, address);
	KUNIT_EXPECT_TRUE(test, allows(race.vcpu, address, READ));
	KUNIT_EXPECT_FALSE(test, allows(race.vcpu, address, WRITE));
}

/* The same without the count shows that the test above sees the window. */
static void the_race_is_a_real_one(struct kunit *test)
{
	struct race race = { .vcpu = make(test), .counted = false };
	unsigned long address = process_map(test, 2 * PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);

	lose_race(test, &race, address);
	KUNIT_EXPECT_TRUE(test, allows(race.vcpu, address, WRITE));
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(an_absent_page_is_brought_in),
	KUNIT_CASE(a_clean_page_is_read_only),
	KUNIT_CASE(an_old_page_can_be_used),
	KUNIT_CASE(an_old_neighbour_stays_old),
	KUNIT_CASE(rights_are_the_process_s),
	KUNIT_CASE(an_absent_page_is_not_executed_either),
	KUNIT_CASE(where_nothing_is_nothing_is_mapped),
	KUNIT_CASE(a_window_shows_its_part_of_the_process),
	KUNIT_CASE(neighbours_come_along),
	KUNIT_CASE(a_large_page_is_mapped_large),
	KUNIT_CASE(small_hardware_gets_pieces_of_a_large_page),
	KUNIT_CASE(a_large_page_can_be_too_dangerous_to_execute),
	KUNIT_CASE(the_largest_page_is_known),
	KUNIT_CASE(device_memory_is_not_cached),
	KUNIT_CASE(a_fault_waits_for_an_invalidation),
	KUNIT_CASE(a_signal_ends_the_wait),
	KUNIT_CASE(what_changed_meanwhile_is_read_again),
	KUNIT_CASE(the_race_is_a_real_one),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "dune_fault",
	.init = process_init,
	.exit = process_exit,
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
