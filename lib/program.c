// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Loads a program as the kernel's execve() would, beside the one that is
 * there.
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
#define ADDRESS_LIMIT	(1ULL << 47)
#define MAX_SEGMENTS	64

/**
 * struct image - an ELF file
 * @fd: open on it
 * @header: its beginning
 * @segments: its program headers
 * @start: lowest address that it asks for, by whole pages
 * @end: the one behind the highest
 * @align: largest alignment of a segment
 * @base: what has to be added to its addresses
 */
struct image {
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_SEGMENTS];
	uint64_t start, end, align, base;
};

static uint64_t page_down(uint64_t address)
{
	return address & ~PAGE_MASK;
}

static uint64_t page_up(uint64_t address)
{
	return (address + PAGE_MASK) & ~PAGE_MASK;
}

static int read_all(int fd, void *to, size_t size, uint64_t offset)
{
	ssize_t got = pread(fd, to, size, offset);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -ENOEXEC;
}

static int read_header(struct image *image)
{
	Elf64_Ehdr *header = &image->header;
	int err = read_all(image->fd, header, sizeof(*header), 0);

	if (err)
		return err;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64 ||
	    (header->e_type != ET_EXEC && header->e_type != ET_DYN) ||
	    header->e_phentsize != sizeof(Elf64_Phdr) ||
	    !header->e_phnum || header->e_phnum > MAX_SEGMENTS)
		return -ENOEXEC;
	return read_all(image->fd, image->segments,
			header->e_phnum * sizeof(Elf64_Phdr), header->e_phoff);
}

static bool is_good_segment(const struct image *image,
			    const Elf64_Phdr *segment)
{
	uint64_t start = segment->p_vaddr, size = segment->p_memsz;

	return start < ADDRESS_LIMIT && size < ADDRESS_LIMIT - start &&
	       segment->p_filesz <= size &&
	       segment->p_offset < LONG_MAX - ADDRESS_LIMIT &&
	       !((start ^ segment->p_offset) & PAGE_MASK) &&
	       !(segment->p_align & (segment->p_align - 1)) &&
	       segment->p_align < ADDRESS_LIMIT &&
	       /* in order, and not one on top of another */
	       page_down(start) >= image->end;
}

/* Finds what it needs; only the kernel's checks are the kernel's to make. */
static int measure(struct image *image)
{
	const Elf64_Phdr *segment = image->segments;
	unsigned int i;

	image->align = PAGE_SIZE;
	for (i = 0; i < image->header.e_phnum; i++, segment++) {
		if (segment->p_type != PT_LOAD || !segment->p_memsz)
			continue;
		if (!is_good_segment(image, segment))
			return -ENOEXEC;
		if (!image->end)
			image->start = page_down(segment->p_vaddr);
		image->end = page_up(segment->p_vaddr + segment->p_memsz);
		if (segment->p_align > image->align)
			image->align = segment->p_align;
	}
	return image->end ? 0 : -ENOEXEC;
}

/* Room for all of it, where nothing else is. */
static int reserve(struct image *image)
{
	uint64_t size = image->end - image->start, align = image->align;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t start, aligned;
	char *place;

	if (image->header.e_type == ET_EXEC) {
		place = mmap((void *)image->start, size, PROT_NONE,
			     flags | MAP_FIXED_NOREPLACE, -1, 0);
		return place == MAP_FAILED ? -errno : 0;
	}
	place = mmap(NULL, size + align, PROT_NONE, flags, -1, 0);
	if (place == MAP_FAILED)
		return -errno;
	/* only the difference has to be aligned */
	start = (uint64_t)place;
	aligned = start + ((image->start - start) & (align - 1));
	if (aligned > start)
		munmap(place, aligned - start);
	munmap((char *)aligned + size, start + align - aligned);
	image->base = aligned - image->start;
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
	uint64_t end = page_up(start + segment->p_memsz);
	uint64_t zero = page_up(file_end);
	int prot = protection(segment);

	if (segment->p_filesz &&
	    mmap((void *)page_down(start), file_end - page_down(start), prot,
		 MAP_PRIVATE | MAP_FIXED, image->fd,
		 page_down(segment->p_offset)) == MAP_FAILED)
		return -errno;
	if (!segment->p_filesz)
		zero = page_down(start);
	else if (zero > file_end && segment->p_memsz > segment->p_filesz &&
		 prot & PROT_WRITE)
		memset((void *)file_end, 0, zero - file_end);
	if (end > zero &&
	    mmap((void *)zero, end - zero, prot, MAP_PRIVATE | MAP_FIXED |
		 MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static int map_image(struct image *image)
{
	int err = reserve(image);
	unsigned int i;

	for (i = 0; i < image->header.e_phnum && !err; i++)
		if (image->segments[i].p_type == PT_LOAD &&
		    image->segments[i].p_memsz)
			err = map_segment(image, &image->segments[i]);
	if (err)
		munmap((void *)(image->base + image->start),
		       image->end - image->start);
	return err;
}

static int load_image(struct image *image, const char *path)
{
	struct stat stat;
	int err;

	memset(image, 0, sizeof(*image));
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (image->fd < 0)
		return -errno;
	err = fstat(image->fd, &stat) ? -errno : 0;
	if (!err && !S_ISREG(stat.st_mode))
		err = -EACCES;
	if (!err)
		err = read_header(image);
	if (!err)
		err = measure(image);
	if (!err)
		err = map_image(image);
	if (err)
		close(image->fd);
	return err;
}

static void unload_image(const struct image *image)
{
	munmap((void *)(image->base + image->start),
	       image->end - image->start);
	close(image->fd);
}

/* Where it has its own program headers in memory; 0: nowhere. */
static uint64_t headers_of(const struct image *image)
{
	const Elf64_Phdr *segment = image->segments;
	uint64_t offset = image->header.e_phoff;
	unsigned int i;

	for (i = 0; i < image->header.e_phnum; i++, segment++)
		if (segment->p_type == PT_LOAD && segment->p_offset <= offset &&
		    offset - segment->p_offset < segment->p_filesz)
			return image->base + segment->p_vaddr + offset -
			       segment->p_offset;
	return 0;
}

/* The path of its dynamic loader, if it has one. */
static int interpreter_of(const struct image *image, char *path, size_t size)
{
	const Elf64_Phdr *segment = image->segments;
	unsigned int i;
	int err;

	path[0] = '\0';
	for (i = 0; i < image->header.e_phnum; i++, segment++) {
		if (segment->p_type != PT_INTERP)
			continue;
		if (segment->p_filesz < 2 || segment->p_filesz > size)
			return -ENOEXEC;
		err = read_all(image->fd, path, segment->p_filesz,
			       segment->p_offset);
		return err ?: path[segment->p_filesz - 1] ? -ENOEXEC : 0;
	}
	return 0;
}

static int load_interpreter(const struct image *image,
			    struct dune_program *program)
{
	char path[PATH_MAX];
	struct image loader;
	int err = interpreter_of(image, path, sizeof(path));

	if (err || !path[0])
		return err;
	err = load_image(&loader, path);
	if (err)
		return err == -ENOEXEC ? -ELIBBAD : err;
	program->loader_base = loader.base;
	program->start = loader.base + loader.header.e_entry;
	close(loader.fd);
	return 0;
}

int dune_program_load(struct dune_program *program, const char *path)
{
	struct image image;
	int err = load_image(&image, path);

	if (err)
		return err;
	*program = (struct dune_program) {
		.path = path,
		.entry = image.base + image.header.e_entry,
		.start = image.base + image.header.e_entry,
		.headers = headers_of(&image),
		.header_count = image.header.e_phnum,
	};
	err = load_interpreter(&image, program);
	if (err)
		unload_image(&image);
	else
		close(image.fd);
	return err;
}
