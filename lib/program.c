// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Loads a program as the kernel's execve() would, beside the one that is
 * there. Nothing in the file is believed before it is looked at.
 */
#include "internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_MASK	(PAGE_SIZE - 1UL)
#define MAX_SEGMENTS	64

/**
 * struct image - an ELF file
 * @fd: open on it
 * @why: what is wrong with it, or NULL
 * @file_size: in bytes
 * @header: its beginning
 * @segments: its program headers
 * @range: what it asks for
 * @align: largest alignment of a segment
 * @base: what has to be added to its addresses
 */
struct image {
	int fd;
	const char *why;
	uint64_t file_size;
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_SEGMENTS];
	struct dune_range range;
	uint64_t align, base;
};

static int refuse(struct image *image, const char *why)
{
	image->why = why;
	return -ENOEXEC;
}

static bool is_in_file(const struct image *image, uint64_t offset,
		       uint64_t size)
{
	return offset <= image->file_size && size <= image->file_size - offset;
}

static int read_all(struct image *image, void *to, size_t size,
		    uint64_t offset)
{
	ssize_t got;

	if (!is_in_file(image, offset, size))
		return refuse(image, "cut off");
	got = pread(image->fd, to, size, offset);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : refuse(image, "cut off");
}

/* What is no file is not waited for. */
static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static int begin_image(struct image *image, int fd)
{
	struct stat stat;

	image->fd = fd;
	if (fstat(fd, &stat))
		return -errno;
	image->file_size = stat.st_size;
	return S_ISREG(stat.st_mode) ? 0 : -EACCES;
}

static int check_header(struct image *image)
{
	const Elf64_Ehdr *header = &image->header;

	if (header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return refuse(image, "not for x86-64");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return refuse(image, "neither a program nor a shared object");
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(image, "program headers of another size");
	if (!header->e_phnum)
		return refuse(image, "no program headers");
	if (header->e_phnum > MAX_SEGMENTS)
		return refuse(image, "too many program headers");
	return 0;
}

static int read_header(struct image *image)
{
	Elf64_Ehdr *header = &image->header;
	int err = read_all(image, header->e_ident, SELFMAG, 0);

	if (err == -ENOEXEC ||
	    (!err && memcmp(header->e_ident, ELFMAG, SELFMAG)))
		return refuse(image, "not an ELF file");
	err = err ?: read_all(image, header, sizeof(*header), 0) ?:
		     check_header(image);
	return err ?: read_all(image, image->segments, header->e_phnum *
			       sizeof(Elf64_Phdr), header->e_phoff);
}

/* Empty ones are nowhere, and say nothing. */
static bool is_loaded(const Elf64_Phdr *segment)
{
	return segment->p_type == PT_LOAD &&
	       (segment->p_memsz || segment->p_filesz);
}

/* Behind the ones before it, and within what an address can be. */
static int check_segment(struct image *image, const Elf64_Phdr *segment)
{
	uint64_t start = segment->p_vaddr, size = segment->p_memsz;

	if (start >= DUNE_ADDRESS_LIMIT || size >= DUNE_ADDRESS_LIMIT - start)
		return refuse(image, "a segment is beyond all addresses");
	if (start < image->range.end)
		return refuse(image, "segments overlap or are not in order");
	if (segment->p_align & (segment->p_align - 1) ||
	    segment->p_align >= DUNE_ADDRESS_LIMIT)
		return refuse(image, "an alignment is no power of two");
	if (segment->p_filesz > size)
		return refuse(image, "a segment is larger in the file");
	if (!segment->p_filesz)
		return 0;
	if (!is_in_file(image, segment->p_offset, segment->p_filesz))
		return refuse(image, "cut off");
	if ((start ^ segment->p_offset) & PAGE_MASK)
		return refuse(image, "a segment is not as aligned in the file");
	return 0;
}

static bool has_entry(const struct image *image, const Elf64_Phdr *segment)
{
	return segment->p_flags & PF_X &&
	       image->header.e_entry - segment->p_vaddr < segment->p_memsz;
}

/* Finds what memory it needs. */
static int measure(struct image *image)
{
	const Elf64_Phdr *segment = image->segments;
	struct dune_range *range = &image->range;
	bool entered = false;
	unsigned int i;
	int err;

	image->align = PAGE_SIZE;
	for (i = 0; i < image->header.e_phnum; i++, segment++) {
		if (!is_loaded(segment))
			continue;
		err = check_segment(image, segment);
		if (err)
			return err;
		if (!range->end)
			range->start = dune_page_down(segment->p_vaddr);
		range->end = dune_page_up(segment->p_vaddr + segment->p_memsz);
		if (segment->p_align > image->align)
			image->align = segment->p_align;
		entered |= has_entry(image, segment);
	}
	if (!range->end)
		return refuse(image, "nothing to load");
	return entered ? 0 : refuse(image, "no code where it begins");
}

/* Where NULL is has to stay empty, also for those who may map it. */
static int reserve_fixed(struct image *image, int flags)
{
	uint64_t size = image->range.end - image->range.start;

	if (!image->range.start)
		return refuse(image, "wants to be at address 0");
	if (mmap((void *)image->range.start, size, PROT_NONE,
		 flags | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED)
		return 0;
	if (errno == EEXIST)
		image->why = "its fixed addresses are in use";
	return -errno;
}

static void unmap(uint64_t start, uint64_t end)
{
	if (end > start)
		munmap((void *)start, end - start);
}

/* Room for all of it, where nothing else is. */
static int reserve(struct image *image)
{
	uint64_t size = image->range.end - image->range.start;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	/* more than what is aligned as any page is */
	uint64_t align = image->align - PAGE_SIZE, start, aligned;
	void *place;

	if (image->header.e_type == ET_EXEC)
		return reserve_fixed(image, flags);
	place = mmap(NULL, size + align, PROT_NONE, flags, -1, 0);
	if (place == MAP_FAILED)
		return -errno;
	/* only the difference has to be aligned */
	start = (uint64_t)place;
	aligned = start + ((image->range.start - start) & align);
	unmap(start, aligned);
	unmap(aligned + size, start + size + align);
	image->base = aligned - image->range.start;
	return 0;
}

static int protection(const Elf64_Phdr *segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) |
	       (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

/* The part of a segment that is in the file, then what is zero. */
static int map_segment(const struct image *image, const Elf64_Phdr *segment)
{
	uint64_t start = image->base + segment->p_vaddr;
	uint64_t file_end = start + segment->p_filesz;
	uint64_t end = dune_page_up(start + segment->p_memsz);
	uint64_t zero = dune_page_up(file_end);
	int prot = protection(segment);

	if (segment->p_filesz &&
	    mmap((void *)dune_page_down(start), file_end - dune_page_down(start), prot,
		 MAP_PRIVATE | MAP_FIXED, image->fd,
		 dune_page_down(segment->p_offset)) == MAP_FAILED)
		return -errno;
	if (!segment->p_filesz)
		zero = dune_page_down(start);
	else if (zero > file_end && segment->p_memsz > segment->p_filesz &&
		 prot & PROT_WRITE)
		memset((void *)file_end, 0, zero - file_end);
	/* counted by the kernel now, not when there is none left */
	if (end > zero &&
	    mmap((void *)zero, end - zero, prot, MAP_PRIVATE | MAP_FIXED |
		 MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static struct dune_range range_of(const struct image *image)
{
	return (struct dune_range) {
		.start = image->base + image->range.start,
		.end = image->base + image->range.end,
	};
}

static int map_image(struct image *image)
{
	int err = reserve(image);
	unsigned int i;

	if (err)
		return err;
	for (i = 0; i < image->header.e_phnum && !err; i++)
		if (is_loaded(&image->segments[i]))
			err = map_segment(image, &image->segments[i]);
	if (err)
		unmap(image->base + image->range.start,
		      image->base + image->range.end);
	return err;
}

/* Where it has its own program headers in memory; 0: nowhere. */
static uint64_t headers_of(const struct image *image)
{
	const Elf64_Phdr *segment = image->segments;
	uint64_t size = image->header.e_phnum * sizeof(*segment);
	uint64_t skip;
	unsigned int i;

	for (i = 0; i < image->header.e_phnum; i++, segment++) {
		skip = image->header.e_phoff - segment->p_offset;
		if (is_loaded(segment) && skip < segment->p_filesz &&
		    size <= segment->p_filesz - skip)
			return image->base + segment->p_vaddr + skip;
	}
	return 0;
}

static const Elf64_Phdr *find_segment(const struct image *image, uint32_t type)
{
	const Elf64_Phdr *segment = image->segments;
	unsigned int i;

	for (i = 0; i < image->header.e_phnum; i++, segment++)
		if (segment->p_type == type)
			return segment;
	return NULL;
}

/*
 * The path of its dynamic loader, empty where it has none.
 * @path: of PATH_MAX bytes; NULL: it is one itself
 */
static int read_loader(struct image *image, char *path)
{
	const Elf64_Phdr *segment = find_segment(image, PT_INTERP);
	int err;

	if (!segment)
		return 0;
	if (!path)
		return refuse(image, "a dynamic loader that wants another one");
	if (segment->p_filesz < 2 || segment->p_filesz > PATH_MAX)
		return refuse(image, "its dynamic loader has no good name");
	err = read_all(image, path, segment->p_filesz, segment->p_offset);
	if (!err && (path[segment->p_filesz - 1] || !path[0]))
		return refuse(image, "its dynamic loader has no good name");
	return err;
}

/* Maps an open file. @loader: as for read_loader() */
static int load_image(struct image *image, char *loader)
{
	return read_header(image) ?: measure(image) ?:
	       read_loader(image, loader) ?: map_image(image);
}

static int load_loader(struct dune_program *program, int fd)
{
	struct image image = {};
	int err = begin_image(&image, fd) ? -ELIBACC :
					    load_image(&image, NULL);

	if (fd >= 0)
		close(fd);
	program->why = image.why;
	if (err)
		return err == -ENOEXEC ? -ELIBBAD : err;
	program->loader = range_of(&image);
	program->loader_base = image.base;
	program->start = image.base + image.header.e_entry;
	return 0;
}

static void describe(struct dune_program *program, const struct image *image)
{
	const Elf64_Phdr *stack = find_segment(image, PT_GNU_STACK);

	program->entry = image->base + image->header.e_entry;
	program->start = program->entry;
	program->headers = headers_of(image);
	program->header_count = image->header.e_phnum;
	program->image = range_of(image);
	program->executable_stack = stack && stack->p_flags & PF_X;
}

int dune_program_load_fd(struct dune_program *program, int fd, const char *path,
			 int (*open_loader)(const char *path))
{
	char loader[PATH_MAX] = "";
	struct image image = {};
	int err = begin_image(&image, fd);

	*program = (struct dune_program) { .path = path };
	if (!err)
		err = load_image(&image, loader);
	program->why = image.why;
	if (err)
		return err;
	describe(program, &image);
	if (loader[0])
		err = load_loader(program, (open_loader ?: open_path)(loader));
	if (err)
		dune_program_unload(program);
	return err;
}

int dune_program_load(struct dune_program *program, const char *path)
{
	int fd = open_path(path), err;

	*program = (struct dune_program) { .path = path };
	if (fd < 0)
		return fd;
	err = dune_program_load_fd(program, fd, path, NULL);
	close(fd);
	return err;
}

void dune_program_unload(struct dune_program *program)
{
	unmap(program->image.start, program->image.end);
	unmap(program->loader.start, program->loader.end);
	program->image = (struct dune_range) {};
	program->loader = (struct dune_range) {};
}
