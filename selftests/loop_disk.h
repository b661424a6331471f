/* SPDX-License-Identifier: GPL-2.0-only */
/* A block device in memory that is not swapped itself. */
#ifndef DUNE_SELFTESTS_LOOP_DISK_H
#define DUNE_SELFTESTS_LOOP_DISK_H

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#define LOOP_FILE	"/file"

struct loop_disk {
	char folder[32];
	char name[32];
	int fd;
	size_t size;
};

/* All of the file is there from the start: it needs no memory later. */
static inline int loop_disk_file(struct loop_disk *disk, size_t size)
{
	char path[64], page[4096] = "";
	size_t done;
	int fd;

	strcpy(disk->folder, "/tmp/dune-disk-XXXXXX");
	if (!mkdtemp(disk->folder))
		return -1;
	if (mount("dune", disk->folder, "ramfs", 0, NULL)) {
		rmdir(disk->folder);
		return -1;
	}
	snprintf(path, sizeof(path), "%s" LOOP_FILE, disk->folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (done = 0; fd >= 0 && done < size; done += sizeof(page)) {
		if (write(fd, page, sizeof(page)) != sizeof(page)) {
			close(fd);
			return -1;
		}
	}
	disk->size = size;
	return fd;
}

static inline void loop_disk_destroy(struct loop_disk *disk)
{
	if (disk->fd >= 0) {
		ioctl(disk->fd, LOOP_CLR_FD, 0);
		close(disk->fd);
	}
	umount2(disk->folder, MNT_DETACH);
	rmdir(disk->folder);
}

/* False if this kernel has no loop devices. */
static inline bool loop_disk_create(struct loop_disk *disk, size_t size)
{
	int control, number, file;

	system("modprobe -q loop 2>/dev/null");
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return false;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(disk->name, sizeof(disk->name), "/dev/loop%d", number);
	disk->fd = open(disk->name, O_RDWR | O_CLOEXEC);
	file = loop_disk_file(disk, size);
	if (disk->fd < 0 || file < 0 || ioctl(disk->fd, LOOP_SET_FD, file)) {
		close(file);
		loop_disk_destroy(disk);
		return false;
	}
	close(file);
	return true;
}

/* What mkswap writes, and swapon. */
static inline int loop_disk_swap_on(struct loop_disk *disk)
{
	char page[4096] = "";
	uint32_t header[2] = { 1, disk->size / sizeof(page) - 1 };

	memcpy(page + 1024, header, sizeof(header));
	memcpy(page + sizeof(page) - 10, "SWAPSPACE2", 10);
	if (pwrite(disk->fd, page, sizeof(page), 0) != sizeof(page) ||
	    fsync(disk->fd))
		return -1;
	return swapon(disk->name, 0);
}

#endif /* DUNE_SELFTESTS_LOOP_DISK_H */
