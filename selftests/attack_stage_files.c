// SPDX-License-Identifier: GPL-2.0-only
/* The stage's files: what may be read, written and executed, and what not. */
#include "attack_stage.h"

#include <elf.h>

static void write_file(const char *name, const void *data, size_t size, int mode)
{
	int fd = open(in_folder(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode))
		die(name);
	close(fd);
}

static void write_script(const char *name, const char *interpreter)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "#!%s\n", in_folder(interpreter));
	write_file(name, text, strlen(text), 0755);
}

/**
 * struct image - a file that is in memory
 * @data: it, and some room behind it
 * @size: of the file
 */
struct image {
	char *data;
	size_t size;
};

static struct image read_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image image;
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat))
		die(path);
	image.size = stat.st_size;
	image.data = calloc(1, image.size + PATH_MAX);
	if (read(fd, image.data, image.size) != stat.st_size)
		die(path);
	close(fd);
	return image;
}

/* The same program with another dynamic loader, whose name is at its end. */
static void write_loaded(const char *name, struct image image, const char *loader)
{
	Elf64_Ehdr *header = (void *)image.data;
	Elf64_Phdr *segment = (void *)(image.data + header->e_phoff);
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type != PT_INTERP)
			continue;
		segment[i].p_offset = image.size;
		segment[i].p_filesz = strlen(loader) + 1;
	}
	strcpy(image.data + image.size, loader);
	write_file(name, image.data, image.size + strlen(loader) + 1, 0755);
}

void make_folders(void)
{
	static const char *const names[] = {
		"", "secret", "readable", "writable", "programs",
		"writable/hidden", "writable/parent", "writable/parent/hidden",
		"writable/empty",
	};
	unsigned int i;

	for (i = 0; i < COUNT(names); i++) {
		if (mkdir(in_folder(names[i]), 0755))
			die(names[i]);
	}
}

void make_files(void)
{
	write_file("secret/file", SECRET, SECRET_SIZE, 0644);
	write_file("readable/file", "readable", 8, 0644);
	write_file("writable/file", "writable", 8, 0644);
	write_file("writable/empty/file", "nothing", 7, 0644);
	write_file("writable/hidden/file", SECRET, SECRET_SIZE, 0644);
	write_file("writable/parent/hidden/file", SECRET, SECRET_SIZE, 0644);
	if (symlink("../secret/file", in_folder("writable/link")) ||
	    symlink("../secret", in_folder("writable/folder")) ||
	    symlink("../secret/program", in_folder("programs/link")))
		die("symlink");
}

void make_programs(void)
{
	static const char *const names[] = {
		"secret/program", "readable/program", "writable/program",
		"writable/hidden/program", "programs/program",
	};
	struct image image = read_image("/proc/self/exe");
	struct image loader = read_image("/lib64/ld-linux-x86-64.so.2");
	unsigned int i;

	for (i = 0; i < COUNT(names); i++)
		write_file(names[i], image.data, image.size, 0755);
	write_file("programs/setuid", image.data, image.size, 04755);
	write_file("secret/ld.so", loader.data, loader.size, 0755);
	write_loaded("programs/loaded", image, in_folder("secret/ld.so"));
	write_script("programs/script", "secret/program");
	write_script("programs/second", "programs/script");
}

/* What must be as before, whatever was tried. */
static const char *const kept[] = {
	"secret", "secret/file", "secret/program", "readable", "readable/file",
	"readable/program", "programs", "programs/program", "writable/hidden",
	"writable/hidden/file", "writable/parent/hidden",
	"writable/parent/hidden/file",
};

static struct stat before[COUNT(kept)];

static void look_at_files(struct stat *stats)
{
	unsigned int i;

	for (i = 0; i < COUNT(kept); i++) {
		if (lstat(in_folder(kept[i]), &stats[i]))
			memset(&stats[i], 0, sizeof(*stats));
		/* to read them is no harm, for those that may */
		memset(&stats[i].st_atim, 0, sizeof(stats[i].st_atim));
	}
}

void remember_files(void)
{
	look_at_files(before);
}

void check_files(void)
{
	struct stat now[COUNT(kept)];
	unsigned int i;

	look_at_files(now);
	for (i = 0; i < COUNT(kept); i++) {
		if (memcmp(&now[i], &before[i], sizeof(*now)))
			harm = kept[i];
	}
}

/* What one has made where it may, the next one is not to find. */
void tidy(void)
{
	static const char *const names[] = {
		"own", "one", "two", "new", "node", "seen", "other",
	};
	const char *empty = in_folder("writable/empty");
	const char *two = in_folder("writable/two");
	char path[64];
	unsigned int i;

	/* they may have changed places */
	if (unlink(empty) == 0)
		rename(two, empty);
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "writable/%s", names[i]);
		unlink(in_folder(path));
	}
}
