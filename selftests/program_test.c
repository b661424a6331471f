// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of programs: those that are not good are refused and leave nothing
 * behind. Outside of Dune, where the loader is the same.
 */
#include "kselftest_harness.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dune/dune.h>

#define PAGE		4096UL
#define FIXED		0x10000000UL	/* where nothing is */
#define NO_PROGRAM	"/no/such/program"

/* A small program. */
struct file {
	Elf64_Ehdr header;
	Elf64_Phdr code, data, stack, other;
	char name[64];
	uint8_t instruction[64];
};

static const struct file good = {
	.header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = offsetof(struct file, instruction),
		.e_phoff = offsetof(struct file, code),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 4,
	},
	.code = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_filesz = sizeof(struct file),
		.p_memsz = sizeof(struct file),
		.p_align = PAGE,
	},
	.data = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_vaddr = 2 * PAGE,
		.p_filesz = sizeof(Elf64_Ehdr),
		.p_memsz = 3 * PAGE,
		.p_align = PAGE,
	},
	.stack = { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	.other = {
		.p_type = PT_NULL,
		.p_offset = offsetof(struct file, name),
		.p_filesz = sizeof(((struct file *)0)->name),
	},
};

/**
 * struct on_disk - a file of memory, with a name
 */
struct on_disk {
	int fd;
	char path[40];
};

static struct on_disk store(const void *data, size_t size)
{
	struct on_disk disk = { .fd = memfd_create("program", MFD_CLOEXEC) };

	if (disk.fd < 0 || write(disk.fd, data, size) != (ssize_t)size)
		abort();
	sprintf(disk.path, "/proc/self/fd/%d", disk.fd);
	return disk;
}

static struct file with_loader(const char *path)
{
	struct file file = good;

	file.other.p_type = PT_INTERP;
	file.other.p_filesz = strlen(path) + 1;
	strcpy(file.name, path);
	return file;
}

/* What the process has mapped; without malloc(), which maps. */
static size_t read_maps(char *text, size_t size)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t more;

	while ((more = read(fd, text + got, size - got - 1)) > 0)
		got += more;
	text[got] = '\0';
	close(fd);
	return got;
}

static char maps_before[1 << 16], maps_after[1 << 16];

/* Loading it fails, and nothing is left behind. */
static int load_in_vain(const char *path, struct dune_program *program)
{
	int fd = dup(0), next, err;

	close(fd);
	read_maps(maps_before, sizeof(maps_before));
	err = dune_program_load(program, path);
	if (!err)
		return 0;
	read_maps(maps_after, sizeof(maps_after));
	next = dup(0);
	close(next);
	if (strcmp(maps_before, maps_after) || next != fd)
		return -ENOTRECOVERABLE;
	return err;
}

static int load_file(const struct file *file, size_t size,
		     struct dune_program *program)
{
	struct on_disk disk = store(file, size);
	int err = load_in_vain(disk.path, program);

	close(disk.fd);
	return err;
}

/* The rights that the process has at an address, as in /proc/self/maps. */
static const char *rights_at(uint64_t address)
{
	static char rights[5];
	uint64_t start, end;
	char *line;

	read_maps(maps_after, sizeof(maps_after));
	for (line = strtok(maps_after, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 &&
		    address >= start && address < end)
			return rights;
	return "none";
}

TEST(a_good_one)
{
	struct on_disk disk = store(&good, sizeof(good));
	struct dune_program program;
	uint64_t base, i;

	ASSERT_EQ(dune_program_load(&program, disk.path), 0);
	base = program.image.start;
	EXPECT_EQ(program.path, &disk.path[0]);
	EXPECT_EQ(program.why, NULL);
	EXPECT_EQ(program.image.end, base + 5 * PAGE);
	EXPECT_EQ(program.loader.start, program.loader.end);
	EXPECT_EQ(program.loader_base, 0);
	EXPECT_EQ(program.entry, base + good.header.e_entry);
	EXPECT_EQ(program.start, program.entry);
	EXPECT_EQ(program.headers, base + good.header.e_phoff);
	EXPECT_EQ(program.header_count, 4);
	EXPECT_FALSE(program.executable_stack);
	EXPECT_EQ(memcmp((void *)base, &good, sizeof(good)), 0);
	EXPECT_STREQ(rights_at(base), "r-xp");
	EXPECT_STREQ(rights_at(base + PAGE), "---p");
	EXPECT_STREQ(rights_at(base + 2 * PAGE), "rw-p");
	EXPECT_STREQ(rights_at(base + 4 * PAGE), "rw-p");
	/* of the file as far as that is wanted, then zero */
	base += 2 * PAGE;
	EXPECT_EQ(memcmp((void *)base, &good, sizeof(Elf64_Ehdr)), 0);
	for (i = sizeof(Elf64_Ehdr); i < 3 * PAGE; i++)
		ASSERT_EQ(*(uint8_t *)(base + i), 0);
}

TEST(what_is_loaded_can_be_unloaded)
{
	struct on_disk loader = store(&good, sizeof(good));
	struct file file = with_loader(loader.path);
	struct on_disk disk = store(&file, sizeof(file));
	struct dune_program program;

	read_maps(maps_before, sizeof(maps_before));
	ASSERT_EQ(dune_program_load(&program, disk.path), 0);
	EXPECT_EQ(program.loader.start, program.loader_base);
	EXPECT_EQ(program.loader.end, program.loader_base + 5 * PAGE);
	EXPECT_EQ(program.start, program.loader_base + good.header.e_entry);
	EXPECT_EQ(program.entry, program.image.start + good.header.e_entry);
	dune_program_unload(&program);
	read_maps(maps_after, sizeof(maps_after));
	EXPECT_STREQ(maps_before, maps_after);
	/* there is nothing left to unload */
	dune_program_unload(&program);
	EXPECT_EQ(program.image.start, program.image.end);
}

/**
 * struct change - what is done to the good one
 * @size: of a field
 * @offset: of that
 * @value: its new value
 * @why: part of what is said of it
 */
struct change {
	size_t size, offset;
	uint64_t value;
	const char *why;
};

#define AT(member)	offsetof(struct file, member)

static const struct change bad[] = {
	{ 1, AT(header.e_ident[EI_MAG2]), 'l', "not an ELF file" },
	{ 1, AT(header.e_ident[EI_CLASS]), ELFCLASS32, "not for x86-64" },
	{ 1, AT(header.e_ident[EI_DATA]), ELFDATA2MSB, "not for x86-64" },
	{ 2, AT(header.e_machine), EM_386, "not for x86-64" },
	{ 2, AT(header.e_type), ET_REL, "neither" },
	{ 2, AT(header.e_type), ET_CORE, "neither" },
	{ 2, AT(header.e_phentsize), sizeof(Elf64_Phdr) + 8, "another size" },
	{ 2, AT(header.e_phnum), 0, "no program headers" },
	{ 2, AT(header.e_phnum), 65, "too many" },
	{ 2, AT(header.e_phnum), 0xffff, "too many" },
	{ 8, AT(header.e_phoff), sizeof(struct file), "cut off" },
	{ 8, AT(header.e_phoff), ~0UL, "cut off" },
	{ 8, AT(header.e_phoff), 1UL << 63, "cut off" },
	{ 8, AT(header.e_entry), sizeof(struct file), "no code" },
	{ 8, AT(header.e_entry), 2 * PAGE, "no code" },
	{ 8, AT(header.e_entry), ~0UL, "no code" },
	{ 4, AT(code.p_flags), PF_R, "no code" },
	{ 4, AT(code.p_type), PT_NOTE, "no code" },
	{ 8, AT(code.p_filesz), sizeof(struct file) + 1, "larger in the file" },
	{ 8, AT(code.p_offset), PAGE, "cut off" },
	{ 8, AT(code.p_offset), -PAGE, "cut off" },
	{ 8, AT(code.p_offset), 8, "cut off" },
	{ 8, AT(code.p_align), 3, "no power of two" },
	{ 8, AT(code.p_align), ~0UL, "no power of two" },
	{ 8, AT(code.p_align), 1UL << 63, "no power of two" },
	{ 8, AT(code.p_vaddr), 2 * PAGE, "overlap" },
	{ 8, AT(code.p_vaddr), 10 * PAGE, "not in order" },
	{ 8, AT(data.p_vaddr), PAGE - 8, "overlap" },
	{ 8, AT(data.p_vaddr), 2 * PAGE + 8, "not as aligned" },
	{ 8, AT(data.p_vaddr), 1UL << 47, "beyond" },
	{ 8, AT(data.p_vaddr), (1UL << 47) - PAGE, "beyond" },
	{ 8, AT(data.p_vaddr), -PAGE, "beyond" },
	{ 8, AT(data.p_memsz), -PAGE, "beyond" },
	{ 8, AT(data.p_memsz), ~0UL, "beyond" },
	{ 8, AT(data.p_memsz), 1UL << 47, "beyond" },
	{ 8, AT(data.p_memsz), 1, "larger in the file" },
	{ 8, AT(data.p_memsz), 0, "larger in the file" },
	{ 8, AT(data.p_filesz), ~0UL, "larger in the file" },
	{ 8, AT(data.p_filesz), sizeof(struct file) + 1, "cut off" },
	/* only those that can be at any address can be at 0 */
	{ 2, AT(header.e_type), ET_EXEC, "address 0" },
};

static struct file change(const struct change *change)
{
	struct file file = good;

	memcpy((char *)&file + change->offset, &change->value, change->size);
	return file;
}

TEST(bad_ones_are_refused)
{
	struct dune_program program;
	struct file file;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		file = change(&bad[i]);
		EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOEXEC)
			TH_LOG("%u, expected: %s", i, bad[i].why);
		ASSERT_NE(program.why, NULL);
		EXPECT_NE(strstr(program.why, bad[i].why), NULL)
			TH_LOG("%u, expected: %s; told: %s", i, bad[i].why,
			       program.why);
	}
}

TEST(those_without_segments_are_refused)
{
	struct file file = good;
	struct dune_program program;

	file.code.p_memsz = 0;
	file.code.p_filesz = 0;
	file.data.p_type = PT_NULL;
	ASSERT_EQ(load_file(&file, sizeof(file), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "nothing to load");
}

TEST(those_that_are_cut_off_are_refused)
{
	struct dune_program program;
	size_t size;

	for (size = 0; size < sizeof(good); size++) {
		ASSERT_EQ(load_file(&good, size, &program), -ENOEXEC)
			TH_LOG("after %zu bytes", size);
		ASSERT_STREQ(program.why, size < SELFMAG ? "not an ELF file" :
			     "cut off");
	}
}

TEST(what_is_no_file_is_refused)
{
	struct dune_program program;
	char folder[] = "/tmp/program_test.XXXXXX", fifo[64];

	EXPECT_EQ(load_in_vain(NO_PROGRAM, &program), -ENOENT);
	EXPECT_EQ(program.why, NULL);
	EXPECT_EQ(load_in_vain("", &program), -ENOENT);
	EXPECT_EQ(load_in_vain("/", &program), -EACCES);
	EXPECT_EQ(load_in_vain("/dev/null", &program), -EACCES);
	/* nobody writes to it, and nobody waits for that */
	ASSERT_NE(mkdtemp(folder), NULL);
	sprintf(fifo, "%s/fifo", folder);
	ASSERT_EQ(mkfifo(fifo, 0600), 0);
	EXPECT_EQ(load_in_vain(fifo, &program), -EACCES);
	unlink(fifo);
	rmdir(folder);
}

TEST(bad_names_of_loaders_are_refused)
{
	struct file file = with_loader("/x"), none = with_loader("");
	struct file beyond = with_loader("/x"), open_end = with_loader("/x");
	struct file endless = with_loader("/x");
	struct dune_program program;

	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ELIBACC);
	EXPECT_EQ(load_file(&none, sizeof(none), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "its dynamic loader has no good name");
	none.other.p_filesz = 2;
	EXPECT_EQ(load_file(&none, sizeof(none), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "its dynamic loader has no good name");
	open_end.other.p_filesz = 2;
	EXPECT_EQ(load_file(&open_end, sizeof(open_end), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "its dynamic loader has no good name");
	endless.other.p_filesz = 1UL << 40;
	EXPECT_EQ(load_file(&endless, sizeof(file), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "its dynamic loader has no good name");
	beyond.other.p_offset = sizeof(beyond) - 1;
	EXPECT_EQ(load_file(&beyond, sizeof(beyond), &program), -ENOEXEC);
	EXPECT_STREQ(program.why, "cut off");
}

TEST(bad_loaders_are_refused)
{
	struct file file = with_loader("/dev/null");
	struct file deeper = with_loader("/lib/ld.so");
	struct dune_program program;
	struct on_disk disk;

	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ELIBACC);
	file = with_loader("/proc/self/maps");
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ELIBBAD);
	EXPECT_STREQ(program.why, "not an ELF file");
	disk = store(&deeper, sizeof(deeper));
	file = with_loader(disk.path);
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ELIBBAD);
	EXPECT_STREQ(program.why, "a dynamic loader that wants another one");
	EXPECT_EQ(ftruncate(disk.fd, 100), 0);
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ELIBBAD);
	EXPECT_STREQ(program.why, "cut off");
}

static struct file at_fixed_addresses(void)
{
	struct file file = good;

	file.header.e_type = ET_EXEC;
	file.header.e_entry += FIXED;
	file.code.p_vaddr += FIXED;
	file.data.p_vaddr += FIXED;
	return file;
}

TEST(fixed_addresses_are_kept)
{
	struct file file = at_fixed_addresses();
	struct dune_program program, again;
	struct on_disk disk = store(&file, sizeof(file));

	ASSERT_EQ(dune_program_load(&program, disk.path), 0);
	EXPECT_EQ(program.image.start, FIXED);
	EXPECT_EQ(program.entry, file.header.e_entry);
	EXPECT_EQ(program.headers, FIXED + file.header.e_phoff);
	/* the gap is not for others either */
	EXPECT_EQ(load_in_vain(disk.path, &again), -EEXIST);
	EXPECT_STREQ(again.why, "its fixed addresses are in use");
	dune_program_unload(&program);
	EXPECT_EQ(dune_program_load(&program, disk.path), 0);
}

TEST(what_is_there_is_not_replaced)
{
	struct file file = at_fixed_addresses();
	struct dune_program program;
	char *page = mmap((void *)(FIXED + 4 * PAGE), PAGE,
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_FIXED_NOREPLACE, -1, 0);

	ASSERT_EQ(page, (void *)(FIXED + 4 * PAGE));
	*page = 42;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -EEXIST);
	EXPECT_EQ(*page, 42);
}

TEST(a_program_and_its_loader_want_the_same_place)
{
	struct file loader = at_fixed_addresses(), file = loader;
	struct on_disk disk = store(&loader, sizeof(loader));
	struct dune_program program;

	file.other.p_type = PT_INTERP;
	strcpy(file.name, disk.path);
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -EEXIST);
}

TEST(too_much_memory)
{
	struct rlimit limit = { 1UL << 40, 1UL << 40 };
	struct dune_program program;
	struct file file = good;

	ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	file.data.p_memsz = 1UL << 41;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOMEM);
	file = good;
	file.code.p_align = 1UL << 41;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOMEM);
	file = at_fixed_addresses();
	file.data.p_memsz = 1UL << 41;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOMEM);
}

/*
 * Its place is free, but the kernel does not promise so much memory: what was
 * mapped until then has to go.
 */
TEST(too_much_memory_for_the_second_segment)
{
	char policy = '1';
	struct dune_program program;
	struct file file = good;
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &policy, 1) == 1 && policy == '1')
		SKIP(return, "the kernel promises any memory");
	close(fd);
	file.data.p_memsz = 1UL << 44;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOMEM);
	file = at_fixed_addresses();
	file.data.p_memsz = 1UL << 44;
	EXPECT_EQ(load_file(&file, sizeof(file), &program), -ENOMEM);
}

TEST(segments_have_the_rights_that_they_ask_for)
{
	struct dune_program program;
	struct file file = good;
	struct on_disk disk;

	file.data.p_flags = PF_R | PF_W | PF_X;
	file.stack.p_flags |= PF_X;
	disk = store(&file, sizeof(file));
	ASSERT_EQ(dune_program_load(&program, disk.path), 0);
	EXPECT_STREQ(rights_at(program.image.start + 2 * PAGE), "rwxp");
	EXPECT_STREQ(rights_at(program.image.start + 3 * PAGE), "rwxp");
	EXPECT_TRUE(program.executable_stack);
}

TEST(segments_are_as_aligned_as_they_ask_for)
{
	struct dune_program program;
	struct file file = good;
	struct on_disk disk;
	unsigned int i;

	file.code.p_vaddr = 3 * PAGE;
	file.header.e_entry += 3 * PAGE;
	file.data.p_vaddr += 3 * PAGE;
	file.data.p_align = 1UL << 30;
	disk = store(&file, sizeof(file));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(dune_program_load(&program, disk.path), 0);
		EXPECT_EQ(program.image.start % (1UL << 30), 3 * PAGE);
		EXPECT_EQ(program.image.end, program.image.start + 5 * PAGE);
	}
}

/* Only zeros: where they would be in the file does not matter. */
TEST(a_segment_without_a_file)
{
	struct dune_program program;
	struct file file = good;
	struct on_disk disk;

	file.data.p_filesz = 0;
	file.data.p_offset = 123UL << 40;
	file.data.p_vaddr += 8;
	disk = store(&file, sizeof(file));
	ASSERT_EQ(dune_program_load(&program, disk.path), 0);
	EXPECT_EQ(program.image.end, program.image.start + 6 * PAGE);
	EXPECT_EQ(*(uint64_t *)(program.image.start + 2 * PAGE), 0);
}

/* Behind the segment, and half in it. */
TEST(headers_that_are_in_no_segment_are_nowhere)
{
	const size_t places[] = { sizeof(good), sizeof(good) - 56 };
	struct dune_program program;
	struct on_disk disk;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		struct file twice[] = { good, good };

		memcpy((char *)twice + places[i], (char *)&good + AT(code),
		       AT(name) - AT(code));
		twice[0].header.e_phoff = places[i];
		disk = store(twice, sizeof(twice));
		ASSERT_EQ(dune_program_load(&program, disk.path), 0);
		EXPECT_EQ(program.headers, 0);
	}
}

TEST(the_vdso_is_found_with_its_data)
{
	struct dune_range range;
	const char *line, *vdso;

	ASSERT_EQ(dune_program_vdso(&range), 0);
	EXPECT_STREQ(rights_at(range.end - PAGE), "r-xp");
	read_maps(maps_before, sizeof(maps_before));
	vdso = strstr(maps_before, "[vdso]");
	ASSERT_NE(vdso, NULL);
	line = strstr(maps_before, "[vvar]");
	ASSERT_NE(line, NULL);
	while (line > maps_before && line[-1] != '\n')
		line--;
	EXPECT_EQ(strtoul(line, NULL, 16), range.start);
}

TEST_HARNESS_MAIN
