// SPDX-License-Identifier: GPL-2.0-only
/* /dev/dune: what it tells, and what it refuses. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dune.h>

#include "kselftest_harness.h"
#include "emulator.h"
#include "need_dune.h"

/* CPUID leaves, and what they say */
#define CPUID_FEATURES		1
#define CPUID_IN_A_MACHINE	(1U << 31)	/* ECX */
#define CPUID_ADDRESS_SIZES	0x80000008
#define CPUID_PHYS_BITS		0xff		/* EAX */

FIXTURE(device) {
	int fd;
	struct dune_info info;
};

FIXTURE_SETUP(device)
{
	self->fd = open("/dev/dune", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	memset(&self->info, 0, sizeof(self->info));
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

/* How wide the CPU says that physical addresses are; 36 if it does not. */
static unsigned int phys_bits(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(CPUID_ADDRESS_SIZES, &eax, &ebx, &ecx, &edx))
		return 36;
	return eax & CPUID_PHYS_BITS;
}

TEST_F(device, info_is_complete_and_sane)
{
	struct dune_info *info = &self->info;

	ASSERT_EQ(0, ioctl(self->fd, DUNE_GET_INFO, info));
	EXPECT_EQ(DUNE_ABI_VERSION, info->abi_version);
	EXPECT_TRUE(info->backend == DUNE_BACKEND_VMX ||
		    info->backend == DUNE_BACKEND_SVM);
	EXPECT_EQ(0, info->flags);
	EXPECT_GE(info->guest_phys_bits, 32);
	EXPECT_LE(info->guest_phys_bits, 52);
	EXPECT_LE(info->guest_phys_bits, phys_bits());
	EXPECT_TRUE(info->nested_page_sizes & 1 << 12);
	EXPECT_EQ(0, info->nested_page_sizes & ~(1UL << 12 | 1UL << 21 |
						 1UL << 30));
	EXPECT_GE(info->tlb_tags, 1);
	EXPECT_EQ(!!(info->features & DUNE_FEATURE_TAGGED_TLB),
		  info->tlb_tags > 1);
	EXPECT_GT(info->max_vcpus, 0);
	EXPECT_EQ(3, info->hypercall_len);
	EXPECT_EQ(0x0f, info->hypercall[0]);
	EXPECT_EQ(0x01, info->hypercall[1]);
}

/* Is this machine one of somebody else's, who may take hypercalls? */
static bool in_a_machine(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(CPUID_FEATURES, eax, ebx, ecx, edx);
	return ecx & CPUID_IN_A_MACHINE && !in_qemu();
}

/* Executes it outside of a guest; returns the signal that came of that. */
static int try_hypercall(const struct dune_info *info)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	if (code == MAP_FAILED)
		return -1;
	/* int3 behind it: also what is no whole instruction is noticed */
	memset(code, 0xcc, 4096);
	memcpy(code, info->hypercall, info->hypercall_len);
	pid = fork();
	if (!pid) {
		((void (*)(void))code)();
		_exit(0);
	}
	munmap(code, 4096);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Virtualization is off here, nobody has a virtual CPU. */
TEST_F(device, hypercall_is_no_instruction_outside)
{
	if (in_a_machine())
		SKIP(return, "another hypervisor may take the hypercall");
	ASSERT_EQ(0, ioctl(self->fd, DUNE_GET_INFO, &self->info));
	ASSERT_LE(self->info.hypercall_len, sizeof(self->info.hypercall));
	EXPECT_EQ(SIGILL, try_hypercall(&self->info));
}

/* In brackets it tells what tables the CPU walks, which Linux knows of it. */
#define DUNE_INFO_AGREES						\
	"tables=$(dune-info | sed -n 's/^backend:.*(\\(.*\\))$/\\1/p' |"	\
	"	tr A-Z a-z);"						\
	"grep ^flags /proc/cpuinfo | grep -q -w \"${tables:?}\""

TEST_F(device, dune_info_names_what_this_cpu_has)
{
	if (system("command -v dune-info >/dev/null"))
		SKIP(return, "dune-info is not installed");
	EXPECT_EQ(0, system(DUNE_INFO_AGREES));
}

TEST_F(device, info_writes_nothing_behind_the_struct)
{
	struct {
		struct dune_info info;
		unsigned char canary[64];
	} buf;
	unsigned char intact[64];

	memset(&buf, 0, sizeof(buf));
	memset(buf.canary, 0xa5, sizeof(buf.canary));
	memset(intact, 0xa5, sizeof(intact));
	ASSERT_EQ(0, ioctl(self->fd, DUNE_GET_INFO, &buf.info));
	EXPECT_EQ(0, memcmp(buf.canary, intact, sizeof(intact)));
}

TEST_F(device, info_refuses_flags)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		self->info.flags = 1U << bit;
		EXPECT_EQ(-1, ioctl(self->fd, DUNE_GET_INFO, &self->info));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(device, info_refuses_reserved_fields)
{
	size_t i;

	for (i = 0; i < sizeof(self->info.reserved); i++) {
		memset(&self->info, 0, sizeof(self->info));
		((char *)self->info.reserved)[i] = 1;
		EXPECT_EQ(-1, ioctl(self->fd, DUNE_GET_INFO, &self->info));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(device, bad_addresses_fault)
{
	EXPECT_EQ(-1, ioctl(self->fd, DUNE_GET_INFO, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, DUNE_GET_INFO, (void *)-4096UL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, DUNE_CREATE_VCPU, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(device, create_vcpu_refuses_flags_and_reserved_fields)
{
	struct dune_create_vcpu args;
	size_t i;
	int bit;

	memset(&args, 0, sizeof(args));
	for (bit = 0; bit < 32; bit++) {
		args.flags = 1U << bit;
		EXPECT_EQ(-1, ioctl(self->fd, DUNE_CREATE_VCPU, &args));
		EXPECT_EQ(EINVAL, errno);
	}
	for (i = 0; i < sizeof(args.reserved); i++) {
		memset(&args, 0, sizeof(args));
		((char *)args.reserved)[i] = 1;
		EXPECT_EQ(-1, ioctl(self->fd, DUNE_CREATE_VCPU, &args));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(device, unknown_requests_are_refused)
{
	unsigned int nr;

	for (nr = 2; nr < 256; nr++) {
		EXPECT_EQ(-1, ioctl(self->fd, _IO(DUNE_IOC_MAGIC, nr), 0));
		EXPECT_EQ(ENOTTY, errno);
	}
	/* the right number with another size is another request */
	EXPECT_EQ(-1, ioctl(self->fd, _IOWR(DUNE_IOC_MAGIC, 0x00, char),
			    &self->info));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IO('T', 0x01), 0));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(device, has_no_contents)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, is_open_to_every_user)
{
	struct stat st;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat("/dev/dune", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0666, st.st_mode & 0777);

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		fd = open("/dev/dune", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			_exit(2);
		_exit(ioctl(fd, DUNE_GET_INFO, &self->info) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(device, vcpu_descriptor_is_close_on_exec)
{
	struct dune_create_vcpu args = { 0 };
	int fd = ioctl(self->fd, DUNE_CREATE_VCPU, &args);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(-1, ioctl(fd, _IO(DUNE_IOC_MAGIC, 0xff), 0));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(0, close(fd));
}

TEST_HARNESS_MAIN
