// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The system calls of ring 3: which there are, what their arguments are, and
 * who makes them. What is not in the table the kernel does not have either, for
 * ring 3.
 */
#include "sandbox.h"

#include <errno.h>

#include "handlers.h"

/* Made, with this looked at before. */
#define ALLOW(text, function, fds, ...)					\
	{ .name = text, .handle = function, .verdict = ALLOWED,		\
	  .descriptors = fds, .memory = { __VA_ARGS__ } }

/* Not by the policy as it is, but it may be allowed. */
#define OPTIONAL(text)	{ .name = text, .verdict = REFUSED, .optional = true }

/* Nobody says what its arguments are: no policy allows it. */
#define REFUSE(text)	{ .name = text, .verdict = REFUSED }
#define NO_SUCH(text)	{ .name = text, .verdict = ABSENT }

/* At argument @a: so many bytes; or as many as argument @b says, @n each. */
#define AREA(a, n)	{ .used = 1, .argument = (a), .size = (n) }
#define LIST(a, n, b)	{ .used = 1, .argument = (a), .size = (n), \
			  .times = (b) + 1 }

const struct call calls[SYSCALLS] = {
	[SYS_read] = ALLOW("read", NULL, 1, LIST(1, 1, 2)),
	[SYS_write] = ALLOW("write", NULL, 1, LIST(1, 1, 2)),
	[SYS_open] = ALLOW("open", handle_open, 0),
	[SYS_close] = ALLOW("close", NULL, 1),
	[SYS_stat] = ALLOW("stat", handle_stat, 0, AREA(1, 144)),
	[SYS_fstat] = ALLOW("fstat", NULL, 1, AREA(1, 144)),
	[SYS_lstat] = ALLOW("lstat", handle_stat, 0, AREA(1, 144)),
	[SYS_poll] = ALLOW("poll", handle_poll, 0),
	[SYS_lseek] = ALLOW("lseek", NULL, 1),
	[SYS_mmap] = ALLOW("mmap", handle_mmap, 0),
	[SYS_mprotect] = ALLOW("mprotect", handle_range, 0),
	[SYS_munmap] = ALLOW("munmap", handle_range, 0),
	[SYS_brk] = ALLOW("brk", NULL, 0),
	[SYS_rt_sigaction] = ALLOW("rt_sigaction", NULL, 0, AREA(1, 32),
				   AREA(2, 32)),
	[SYS_rt_sigprocmask] = ALLOW("rt_sigprocmask", NULL, 0, AREA(1, 8),
				     AREA(2, 8)),
	[SYS_rt_sigreturn] = ALLOW("rt_sigreturn", NULL, 0),
	[SYS_ioctl] = ALLOW("ioctl", handle_ioctl, 1),
	[SYS_pread64] = ALLOW("pread64", NULL, 1, LIST(1, 1, 2)),
	[SYS_pwrite64] = ALLOW("pwrite64", NULL, 1, LIST(1, 1, 2)),
	[SYS_readv] = ALLOW("readv", handle_iov, 1),
	[SYS_writev] = ALLOW("writev", handle_iov, 1),
	[SYS_access] = ALLOW("access", handle_file, 0),
	[SYS_pipe] = ALLOW("pipe", NULL, 0, AREA(0, 8)),
	[SYS_select] = ALLOW("select", handle_select, 0, AREA(4, 16)),
	[SYS_sched_yield] = ALLOW("sched_yield", NULL, 0),
	[SYS_mremap] = ALLOW("mremap", handle_mremap, 0),
	[SYS_msync] = ALLOW("msync", handle_range, 0),
	[SYS_mincore] = ALLOW("mincore", handle_mincore, 0),
	[SYS_madvise] = ALLOW("madvise", handle_range, 0),
	[SYS_dup] = ALLOW("dup", NULL, 1),
	[SYS_dup2] = ALLOW("dup2", handle_dup2, 1),
	[SYS_pause] = ALLOW("pause", NULL, 0),
	[SYS_nanosleep] = ALLOW("nanosleep", NULL, 0, AREA(0, 16), AREA(1, 16)),
	[SYS_getitimer] = ALLOW("getitimer", NULL, 0, AREA(1, 32)),
	[SYS_alarm] = ALLOW("alarm", NULL, 0),
	[SYS_setitimer] = ALLOW("setitimer", NULL, 0, AREA(1, 32), AREA(2, 32)),
	[SYS_getpid] = ALLOW("getpid", NULL, 0),
	[SYS_sendfile] = ALLOW("sendfile", NULL, 3, AREA(2, 8)),
	[SYS_socket] = ALLOW("socket", handle_socket, 0),
	[SYS_connect] = ALLOW("connect", handle_connect, 1),
	[SYS_accept] = ALLOW("accept", handle_peer, 1),
	[SYS_sendto] = ALLOW("sendto", handle_sendto, 1, LIST(1, 1, 2)),
	[SYS_recvfrom] = ALLOW("recvfrom", handle_recvfrom, 1, LIST(1, 1, 2)),
	[SYS_sendmsg] = ALLOW("sendmsg", handle_sendmsg, 1),
	[SYS_recvmsg] = ALLOW("recvmsg", handle_recvmsg, 1),
	[SYS_shutdown] = ALLOW("shutdown", NULL, 1),
	[SYS_bind] = ALLOW("bind", handle_bind, 1),
	[SYS_listen] = ALLOW("listen", handle_listen, 1),
	[SYS_getsockname] = ALLOW("getsockname", handle_peer, 1),
	[SYS_getpeername] = ALLOW("getpeername", handle_peer, 1),
	[SYS_socketpair] = ALLOW("socketpair", handle_socketpair, 0,
				 AREA(3, 8)),
	[SYS_setsockopt] = ALLOW("setsockopt", handle_setsockopt, 1),
	[SYS_getsockopt] = ALLOW("getsockopt", handle_getsockopt, 1),
	[SYS_clone] = ALLOW("clone", handle_clone, 0),
	[SYS_fork] = ALLOW("fork", handle_clone, 0),
	[SYS_vfork] = ALLOW("vfork", handle_clone, 0),
	[SYS_execve] = ALLOW("execve", handle_execve, 0),
	[SYS_exit] = ALLOW("exit", handle_exit, 0),
	[SYS_wait4] = ALLOW("wait4", NULL, 0, AREA(1, 4), AREA(3, 144)),
	[SYS_kill] = ALLOW("kill", handle_kill, 0),
	[SYS_uname] = ALLOW("uname", NULL, 0, AREA(0, 390)),
	[SYS_fcntl] = ALLOW("fcntl", handle_fcntl, 1),
	[SYS_flock] = ALLOW("flock", NULL, 1),
	[SYS_fsync] = ALLOW("fsync", NULL, 1),
	[SYS_fdatasync] = ALLOW("fdatasync", NULL, 1),
	[SYS_truncate] = ALLOW("truncate", handle_file, 0),
	[SYS_ftruncate] = ALLOW("ftruncate", NULL, 1),
	[SYS_getdents] = ALLOW("getdents", handle_list, 1, LIST(1, 1, 2)),
	[SYS_getcwd] = ALLOW("getcwd", NULL, 0, LIST(0, 1, 1)),
	[SYS_chdir] = ALLOW("chdir", handle_chdir, 0),
	[SYS_fchdir] = ALLOW("fchdir", NULL, 1),
	[SYS_rename] = ALLOW("rename", handle_rename, 0),
	[SYS_mkdir] = ALLOW("mkdir", handle_make, 0),
	[SYS_rmdir] = ALLOW("rmdir", handle_unlink, 0),
	[SYS_creat] = ALLOW("creat", handle_open, 0),
	[SYS_link] = ALLOW("link", handle_link, 0),
	[SYS_unlink] = ALLOW("unlink", handle_unlink, 0),
	[SYS_symlink] = ALLOW("symlink", handle_symlink, 0),
	[SYS_readlink] = ALLOW("readlink", handle_readlink, 0, LIST(1, 1, 2)),
	[SYS_chmod] = ALLOW("chmod", handle_file, 0),
	[SYS_fchmod] = ALLOW("fchmod", handle_attributes, 1),
	[SYS_chown] = ALLOW("chown", handle_file, 0),
	[SYS_fchown] = ALLOW("fchown", handle_attributes, 1),
	[SYS_lchown] = ALLOW("lchown", handle_file, 0),
	[SYS_umask] = ALLOW("umask", NULL, 0),
	[SYS_gettimeofday] = ALLOW("gettimeofday", NULL, 0, AREA(0, 16),
				   AREA(1, 8)),
	[SYS_getrlimit] = ALLOW("getrlimit", handle_getrlimit, 0, AREA(1, 16)),
	[SYS_getrusage] = ALLOW("getrusage", NULL, 0, AREA(1, 144)),
	[SYS_sysinfo] = ALLOW("sysinfo", NULL, 0, AREA(0, 112)),
	[SYS_times] = ALLOW("times", NULL, 0, AREA(0, 32)),
	[SYS_getuid] = ALLOW("getuid", NULL, 0),
	[SYS_getgid] = ALLOW("getgid", NULL, 0),
	[SYS_setuid] = ALLOW("setuid", NULL, 0),
	[SYS_setgid] = ALLOW("setgid", NULL, 0),
	[SYS_geteuid] = ALLOW("geteuid", NULL, 0),
	[SYS_getegid] = ALLOW("getegid", NULL, 0),
	[SYS_setpgid] = ALLOW("setpgid", handle_setpgid, 0),
	[SYS_getppid] = ALLOW("getppid", NULL, 0),
	[SYS_getpgrp] = ALLOW("getpgrp", NULL, 0),
	[SYS_setsid] = ALLOW("setsid", NULL, 0),
	[SYS_setreuid] = ALLOW("setreuid", NULL, 0),
	[SYS_setregid] = ALLOW("setregid", NULL, 0),
	[SYS_getgroups] = ALLOW("getgroups", NULL, 0, LIST(1, 4, 0)),
	[SYS_setgroups] = ALLOW("setgroups", NULL, 0, LIST(1, 4, 0)),
	[SYS_setresuid] = ALLOW("setresuid", NULL, 0),
	[SYS_getresuid] = ALLOW("getresuid", NULL, 0, AREA(0, 4), AREA(1, 4),
				AREA(2, 4)),
	[SYS_setresgid] = ALLOW("setresgid", NULL, 0),
	[SYS_getresgid] = ALLOW("getresgid", NULL, 0, AREA(0, 4), AREA(1, 4),
				AREA(2, 4)),
	[SYS_getpgid] = ALLOW("getpgid", handle_process, 0),
	[SYS_setfsuid] = ALLOW("setfsuid", NULL, 0),
	[SYS_setfsgid] = ALLOW("setfsgid", NULL, 0),
	[SYS_getsid] = ALLOW("getsid", handle_process, 0),
	[SYS_capget] = ALLOW("capget", handle_capget, 0, AREA(0, 8), AREA(1, 24)),
	[SYS_capset] = ALLOW("capset", NULL, 0, AREA(0, 8), AREA(1, 24)),
	[SYS_rt_sigpending] = ALLOW("rt_sigpending", NULL, 0, AREA(0, 8)),
	[SYS_rt_sigtimedwait] = ALLOW("rt_sigtimedwait", NULL, 0, AREA(0, 8),
				      AREA(1, 128), AREA(2, 16)),
	[SYS_rt_sigqueueinfo] = ALLOW("rt_sigqueueinfo", handle_sigqueue, 0,
				      AREA(2, 128)),
	[SYS_rt_sigsuspend] = ALLOW("rt_sigsuspend", NULL, 0, AREA(0, 8)),
	[SYS_sigaltstack] = ALLOW("sigaltstack", NULL, 0, AREA(0, 24),
				  AREA(1, 24)),
	[SYS_utime] = ALLOW("utime", handle_file, 0, AREA(1, 16)),
	[SYS_mknod] = ALLOW("mknod", handle_make, 0),
	[SYS_personality] = ALLOW("personality", handle_personality, 0),
	[SYS_statfs] = ALLOW("statfs", handle_file, 0, AREA(1, 120)),
	[SYS_fstatfs] = ALLOW("fstatfs", NULL, 1, AREA(1, 120)),
	[SYS_getpriority] = ALLOW("getpriority", handle_priority, 0),
	[SYS_setpriority] = ALLOW("setpriority", handle_priority, 0),
	[SYS_sched_setparam] = ALLOW("sched_setparam", handle_process, 0,
				     AREA(1, 4)),
	[SYS_sched_getparam] = ALLOW("sched_getparam", handle_process, 0,
				     AREA(1, 4)),
	[SYS_sched_setscheduler] = ALLOW("sched_setscheduler", handle_process,
					 0, AREA(2, 4)),
	[SYS_sched_getscheduler] = ALLOW("sched_getscheduler", handle_process,
					 0),
	[SYS_sched_get_priority_max] = ALLOW("sched_get_priority_max", NULL, 0),
	[SYS_sched_get_priority_min] = ALLOW("sched_get_priority_min", NULL, 0),
	[SYS_sched_rr_get_interval] = ALLOW("sched_rr_get_interval",
					    handle_process, 0, AREA(1, 16)),
	[SYS_mlock] = ALLOW("mlock", handle_range, 0),
	[SYS_munlock] = ALLOW("munlock", handle_range, 0),
	[SYS_mlockall] = OPTIONAL("mlockall"),
	[SYS_munlockall] = OPTIONAL("munlockall"),
	[SYS_prctl] = ALLOW("prctl", handle_prctl, 0),
	[SYS_arch_prctl] = ALLOW("arch_prctl", handle_arch_prctl, 0),
	[SYS_setrlimit] = ALLOW("setrlimit", handle_setrlimit, 0, AREA(1, 16)),
	[SYS_sync] = ALLOW("sync", NULL, 0),
	[SYS_gettid] = ALLOW("gettid", NULL, 0),
	[SYS_readahead] = ALLOW("readahead", NULL, 1),
	[SYS_setxattr] = ALLOW("setxattr", handle_file, 0, AREA(1, 1),
			       LIST(2, 1, 3)),
	[SYS_lsetxattr] = ALLOW("lsetxattr", handle_file, 0, AREA(1, 1),
				LIST(2, 1, 3)),
	[SYS_fsetxattr] = ALLOW("fsetxattr", handle_attributes, 1, AREA(1, 1),
				LIST(2, 1, 3)),
	[SYS_getxattr] = ALLOW("getxattr", handle_file, 0, AREA(1, 1),
			       LIST(2, 1, 3)),
	[SYS_lgetxattr] = ALLOW("lgetxattr", handle_file, 0, AREA(1, 1),
				LIST(2, 1, 3)),
	[SYS_fgetxattr] = ALLOW("fgetxattr", NULL, 1, AREA(1, 1),
				LIST(2, 1, 3)),
	[SYS_listxattr] = ALLOW("listxattr", handle_file, 0, LIST(1, 1, 2)),
	[SYS_llistxattr] = ALLOW("llistxattr", handle_file, 0, LIST(1, 1, 2)),
	[SYS_flistxattr] = ALLOW("flistxattr", NULL, 1, LIST(1, 1, 2)),
	[SYS_removexattr] = ALLOW("removexattr", handle_file, 0, AREA(1, 1)),
	[SYS_lremovexattr] = ALLOW("lremovexattr", handle_file, 0, AREA(1, 1)),
	[SYS_fremovexattr] = ALLOW("fremovexattr", handle_attributes, 1,
				   AREA(1, 1)),
	[SYS_tkill] = ALLOW("tkill", handle_tkill, 0),
	[SYS_time] = ALLOW("time", NULL, 0, AREA(0, 8)),
	[SYS_futex] = ALLOW("futex", handle_futex, 0),
	[SYS_sched_setaffinity] = ALLOW("sched_setaffinity", handle_process, 0,
					LIST(2, 1, 1)),
	[SYS_sched_getaffinity] = ALLOW("sched_getaffinity", handle_process, 0,
					LIST(2, 1, 1)),
	[SYS_epoll_create] = ALLOW("epoll_create", NULL, 0),
	[SYS_getdents64] = ALLOW("getdents64", handle_list, 1, LIST(1, 1, 2)),
	[SYS_set_tid_address] = ALLOW("set_tid_address", NULL, 0, AREA(0, 4)),
	[SYS_restart_syscall] = NO_SUCH("restart_syscall"),
	[SYS_semtimedop] = REFUSE("semtimedop"),
	[SYS_fadvise64] = ALLOW("fadvise64", NULL, 1),
	[SYS_timer_create] = ALLOW("timer_create", handle_clock, 0, AREA(1, 64),
				   AREA(2, 4)),
	[SYS_timer_settime] = ALLOW("timer_settime", NULL, 0, AREA(2, 32),
				    AREA(3, 32)),
	[SYS_timer_gettime] = ALLOW("timer_gettime", NULL, 0, AREA(1, 32)),
	[SYS_timer_getoverrun] = ALLOW("timer_getoverrun", NULL, 0),
	[SYS_timer_delete] = ALLOW("timer_delete", NULL, 0),
	[SYS_clock_gettime] = ALLOW("clock_gettime", handle_clock, 0, AREA(1, 16)),
	[SYS_clock_getres] = ALLOW("clock_getres", handle_clock, 0, AREA(1, 16)),
	[SYS_clock_nanosleep] = ALLOW("clock_nanosleep", handle_clock, 0, AREA(2, 16),
				      AREA(3, 16)),
	[SYS_exit_group] = ALLOW("exit_group", handle_exit, 0),
	[SYS_epoll_wait] = ALLOW("epoll_wait", NULL, 1, LIST(1, 12, 2)),
	[SYS_epoll_ctl] = ALLOW("epoll_ctl", NULL, 5, AREA(3, 12)),
	[SYS_tgkill] = ALLOW("tgkill", handle_tgkill, 0),
	[SYS_utimes] = ALLOW("utimes", handle_file, 0, AREA(1, 32)),
	[SYS_waitid] = ALLOW("waitid", NULL, 0, AREA(2, 128), AREA(4, 144)),
	[SYS_ioprio_set] = ALLOW("ioprio_set", handle_priority, 0),
	[SYS_ioprio_get] = ALLOW("ioprio_get", handle_priority, 0),
	[SYS_inotify_init] = ALLOW("inotify_init", NULL, 0),
	[SYS_inotify_add_watch] = ALLOW("inotify_add_watch", handle_file, 1),
	[SYS_inotify_rm_watch] = ALLOW("inotify_rm_watch", NULL, 1),
	[SYS_openat] = ALLOW("openat", handle_open, 0),
	[SYS_mkdirat] = ALLOW("mkdirat", handle_make, 0),
	[SYS_mknodat] = ALLOW("mknodat", handle_make, 0),
	[SYS_fchownat] = ALLOW("fchownat", handle_file, 0),
	[SYS_futimesat] = ALLOW("futimesat", handle_file, 0, AREA(2, 32)),
	[SYS_newfstatat] = ALLOW("newfstatat", handle_newfstatat, 0,
				 AREA(2, 144)),
	[SYS_unlinkat] = ALLOW("unlinkat", handle_unlink, 0),
	[SYS_renameat] = ALLOW("renameat", handle_rename, 0),
	[SYS_linkat] = ALLOW("linkat", handle_link, 0),
	[SYS_symlinkat] = ALLOW("symlinkat", handle_symlink, 0),
	[SYS_readlinkat] = ALLOW("readlinkat", handle_readlinkat, 0,
				 LIST(2, 1, 3)),
	[SYS_fchmodat] = ALLOW("fchmodat", handle_file, 0),
	[SYS_faccessat] = ALLOW("faccessat", handle_file, 0),
	[SYS_pselect6] = ALLOW("pselect6", handle_pselect, 0, AREA(4, 16)),
	[SYS_ppoll] = ALLOW("ppoll", handle_poll, 0, AREA(2, 16), AREA(3, 8)),
	[SYS_set_robust_list] = ALLOW("set_robust_list",
				      handle_set_robust_list, 0),
	[SYS_get_robust_list] = ALLOW("get_robust_list",
				      handle_get_robust_list, 0, AREA(1, 8),
				      AREA(2, 8)),
	[SYS_splice] = ALLOW("splice", NULL, 5, AREA(1, 8), AREA(3, 8)),
	[SYS_tee] = ALLOW("tee", NULL, 3),
	[SYS_sync_file_range] = ALLOW("sync_file_range", NULL, 1),
	[SYS_vmsplice] = ALLOW("vmsplice", handle_iov, 1),
	[SYS_utimensat] = ALLOW("utimensat", handle_file, 0, AREA(2, 32)),
	[SYS_epoll_pwait] = ALLOW("epoll_pwait", NULL, 1, LIST(1, 12, 2),
				  AREA(4, 8)),
	[SYS_signalfd] = ALLOW("signalfd", NULL, 0, AREA(1, 8)),
	[SYS_timerfd_create] = ALLOW("timerfd_create", NULL, 0),
	[SYS_eventfd] = ALLOW("eventfd", NULL, 0),
	[SYS_fallocate] = ALLOW("fallocate", NULL, 1),
	[SYS_timerfd_settime] = ALLOW("timerfd_settime", NULL, 1, AREA(2, 32),
				      AREA(3, 32)),
	[SYS_timerfd_gettime] = ALLOW("timerfd_gettime", NULL, 1, AREA(1, 32)),
	[SYS_accept4] = ALLOW("accept4", handle_peer, 1),
	[SYS_signalfd4] = ALLOW("signalfd4", NULL, 0, AREA(1, 8)),
	[SYS_eventfd2] = ALLOW("eventfd2", NULL, 0),
	[SYS_epoll_create1] = ALLOW("epoll_create1", NULL, 0),
	[SYS_dup3] = ALLOW("dup3", handle_dup2, 1),
	[SYS_pipe2] = ALLOW("pipe2", NULL, 0, AREA(0, 8)),
	[SYS_inotify_init1] = ALLOW("inotify_init1", NULL, 0),
	[SYS_preadv] = ALLOW("preadv", handle_iov, 1),
	[SYS_pwritev] = ALLOW("pwritev", handle_iov, 1),
	[SYS_rt_tgsigqueueinfo] = ALLOW("rt_tgsigqueueinfo", handle_tgkill, 0,
					AREA(3, 128)),
	[SYS_recvmmsg] = ALLOW("recvmmsg", handle_recvmmsg, 1, AREA(4, 16)),
	[SYS_prlimit64] = ALLOW("prlimit64", handle_prlimit, 0, AREA(2, 16),
				AREA(3, 16)),
	[SYS_syncfs] = ALLOW("syncfs", NULL, 1),
	[SYS_sendmmsg] = ALLOW("sendmmsg", handle_sendmmsg, 1),
	[SYS_getcpu] = ALLOW("getcpu", NULL, 0, AREA(0, 4), AREA(1, 4)),
	[SYS_sched_setattr] = ALLOW("sched_setattr", handle_process, 0,
				    AREA(1, 4096)),
	[SYS_sched_getattr] = ALLOW("sched_getattr", handle_process, 0,
				    LIST(1, 1, 2)),
	[SYS_renameat2] = ALLOW("renameat2", handle_rename, 0),
	[SYS_getrandom] = ALLOW("getrandom", NULL, 0, LIST(0, 1, 1)),
	[SYS_memfd_create] = ALLOW("memfd_create", NULL, 0, AREA(0, 1)),
	[SYS_execveat] = ALLOW("execveat", handle_execveat, 0),
	[SYS_membarrier] = ALLOW("membarrier", NULL, 0),
	[SYS_mlock2] = ALLOW("mlock2", handle_range, 0),
	[SYS_copy_file_range] = ALLOW("copy_file_range", NULL, 5, AREA(1, 8),
				      AREA(3, 8)),
	[SYS_preadv2] = ALLOW("preadv2", handle_iov, 1),
	[SYS_pwritev2] = ALLOW("pwritev2", handle_iov, 1),
	[SYS_pkey_mprotect] = ALLOW("pkey_mprotect", handle_range, 0),
	[SYS_pkey_alloc] = ALLOW("pkey_alloc", NULL, 0),
	[SYS_pkey_free] = ALLOW("pkey_free", NULL, 0),
	[SYS_statx] = ALLOW("statx", handle_statx, 0, AREA(4, 256)),
	[SYS_rseq] = NO_SUCH("rseq"),
	[SYS_pidfd_send_signal] = ALLOW("pidfd_send_signal",
					handle_pidfd_send_signal, 1,
					AREA(2, 128)),
	[SYS_pidfd_open] = ALLOW("pidfd_open", handle_pidfd_open, 0),
	[SYS_clone3] = NO_SUCH("clone3"),
	[SYS_close_range] = ALLOW("close_range", handle_close_range, 0),
	[SYS_openat2] = ALLOW("openat2", handle_openat2, 0),
	[SYS_faccessat2] = ALLOW("faccessat2", handle_file, 0),
	[SYS_epoll_pwait2] = ALLOW("epoll_pwait2", NULL, 1, LIST(1, 12, 2),
				   AREA(3, 16), AREA(4, 8)),
	[SYS_futex_waitv] = ALLOW("futex_waitv", handle_futex_waitv, 0),
	[SYS_ptrace] = REFUSE("ptrace"),
	[SYS_shmget] = REFUSE("shmget"),
	[SYS_shmat] = REFUSE("shmat"),
	[SYS_shmctl] = REFUSE("shmctl"),
	[SYS_shmdt] = REFUSE("shmdt"),
	[SYS_semget] = REFUSE("semget"),
	[SYS_semop] = REFUSE("semop"),
	[SYS_semctl] = REFUSE("semctl"),
	[SYS_msgget] = REFUSE("msgget"),
	[SYS_msgsnd] = REFUSE("msgsnd"),
	[SYS_msgrcv] = REFUSE("msgrcv"),
	[SYS_msgctl] = REFUSE("msgctl"),
	[SYS_syslog] = REFUSE("syslog"),
	[SYS_uselib] = REFUSE("uselib"),
	[SYS_ustat] = REFUSE("ustat"),
	[SYS_sysfs] = REFUSE("sysfs"),
	[SYS_vhangup] = REFUSE("vhangup"),
	[SYS_modify_ldt] = REFUSE("modify_ldt"),
	[SYS_pivot_root] = REFUSE("pivot_root"),
	[SYS_chroot] = REFUSE("chroot"),
	[SYS_acct] = REFUSE("acct"),
	[SYS_settimeofday] = REFUSE("settimeofday"),
	[SYS_mount] = REFUSE("mount"),
	[SYS_umount2] = REFUSE("umount2"),
	[SYS_swapon] = REFUSE("swapon"),
	[SYS_swapoff] = REFUSE("swapoff"),
	[SYS_reboot] = REFUSE("reboot"),
	[SYS_sethostname] = REFUSE("sethostname"),
	[SYS_setdomainname] = REFUSE("setdomainname"),
	[SYS_iopl] = REFUSE("iopl"),
	[SYS_ioperm] = REFUSE("ioperm"),
	[SYS_init_module] = REFUSE("init_module"),
	[SYS_delete_module] = REFUSE("delete_module"),
	[SYS_quotactl] = REFUSE("quotactl"),
	[SYS_remap_file_pages] = REFUSE("remap_file_pages"),
	[SYS_io_setup] = REFUSE("io_setup"),
	[SYS_io_destroy] = REFUSE("io_destroy"),
	[SYS_io_getevents] = REFUSE("io_getevents"),
	[SYS_io_submit] = REFUSE("io_submit"),
	[SYS_io_cancel] = REFUSE("io_cancel"),
	[SYS_lookup_dcookie] = REFUSE("lookup_dcookie"),
	[SYS_clock_settime] = REFUSE("clock_settime"),
	[SYS_mbind] = REFUSE("mbind"),
	[SYS_set_mempolicy] = REFUSE("set_mempolicy"),
	[SYS_get_mempolicy] = REFUSE("get_mempolicy"),
	[SYS_mq_open] = REFUSE("mq_open"),
	[SYS_mq_unlink] = REFUSE("mq_unlink"),
	[SYS_mq_timedsend] = REFUSE("mq_timedsend"),
	[SYS_mq_timedreceive] = REFUSE("mq_timedreceive"),
	[SYS_mq_notify] = REFUSE("mq_notify"),
	[SYS_mq_getsetattr] = REFUSE("mq_getsetattr"),
	[SYS_kexec_load] = REFUSE("kexec_load"),
	[SYS_add_key] = REFUSE("add_key"),
	[SYS_request_key] = REFUSE("request_key"),
	[SYS_keyctl] = REFUSE("keyctl"),
	[SYS_migrate_pages] = REFUSE("migrate_pages"),
	[SYS_unshare] = REFUSE("unshare"),
	[SYS_move_pages] = REFUSE("move_pages"),
	[SYS_perf_event_open] = REFUSE("perf_event_open"),
	[SYS_fanotify_init] = REFUSE("fanotify_init"),
	[SYS_fanotify_mark] = REFUSE("fanotify_mark"),
	[SYS_name_to_handle_at] = REFUSE("name_to_handle_at"),
	[SYS_open_by_handle_at] = REFUSE("open_by_handle_at"),
	[SYS_clock_adjtime] = REFUSE("clock_adjtime"),
	[SYS_setns] = REFUSE("setns"),
	[SYS_process_vm_readv] = REFUSE("process_vm_readv"),
	[SYS_process_vm_writev] = REFUSE("process_vm_writev"),
	[SYS_kcmp] = REFUSE("kcmp"),
	[SYS_finit_module] = REFUSE("finit_module"),
	[SYS_seccomp] = REFUSE("seccomp"),
	[SYS_kexec_file_load] = REFUSE("kexec_file_load"),
	[SYS_bpf] = REFUSE("bpf"),
	[SYS_userfaultfd] = REFUSE("userfaultfd"),
	[SYS_io_pgetevents] = REFUSE("io_pgetevents"),
	[SYS_io_uring_setup] = REFUSE("io_uring_setup"),
	[SYS_io_uring_enter] = REFUSE("io_uring_enter"),
	[SYS_io_uring_register] = REFUSE("io_uring_register"),
	[SYS_open_tree] = REFUSE("open_tree"),
	[SYS_move_mount] = REFUSE("move_mount"),
	[SYS_fsopen] = REFUSE("fsopen"),
	[SYS_fsconfig] = REFUSE("fsconfig"),
	[SYS_fsmount] = REFUSE("fsmount"),
	[SYS_fspick] = REFUSE("fspick"),
	[SYS_pidfd_getfd] = REFUSE("pidfd_getfd"),
	[SYS_process_madvise] = REFUSE("process_madvise"),
	[SYS_mount_setattr] = REFUSE("mount_setattr"),
	[SYS_quotactl_fd] = REFUSE("quotactl_fd"),
	[SYS_landlock_create_ruleset] = REFUSE("landlock_create_ruleset"),
	[SYS_landlock_add_rule] = REFUSE("landlock_add_rule"),
	[SYS_landlock_restrict_self] = REFUSE("landlock_restrict_self"),
	[SYS_memfd_secret] = REFUSE("memfd_secret"),
	[SYS_process_mrelease] = REFUSE("process_mrelease"),
	[SYS_adjtimex] = REFUSE("adjtimex"),
	[SYS_set_mempolicy_home_node] = REFUSE("set_mempolicy_home_node"),
};

/* Makes it as it is. */
long forward(struct dune_frame *frame)
{
	dune_forward(frame);
	return KEEP;
}

/**
 * forward_changed() - make another call in its place
 * @frame: what ring 3 called
 * @changed: a copy of it, with other arguments; it is used up
 *
 * A signal may come before it, or end it: then ring 3 calls again, with what it
 * called first.
 *
 * Return: the result, or KEEP.
 */
long forward_changed(struct dune_frame *frame, struct dune_frame *changed)
{
	uint64_t rip = changed->rip;
	long ret = dune_forward(changed);

	if (changed->rip == rip)
		return ret;
	frame->rip = changed->rip;
	return KEEP;
}

/* Addresses are counted to the last byte, so that nothing wraps. */
static bool has_supervisors(const struct call *call,
			    const struct dune_frame *frame)
{
	uint64_t size, times;
	unsigned int i;

	for (i = 0; i < 4 && call->memory[i].used; i++) {
		times = 1;
		if (call->memory[i].times)
			times = argument(frame, call->memory[i].times - 1);
		/* the kernel takes numbers of things as 32 bits */
		if (call->memory[i].size > 1)
			times = (uint32_t)times;
		size = times * call->memory[i].size;
		if (is_supervisors(argument(frame, call->memory[i].argument),
				   size))
			return true;
	}
	return false;
}

static bool has_descriptors(const struct call *call,
			    const struct dune_frame *frame)
{
	unsigned int i, bits = call->descriptors;

	for (i = 0; bits; i++, bits >>= 1)
		if (bits & 1 && !is_descriptor(argument(frame, i)))
			return false;
	return true;
}

static void count(const struct dune_frame *frame)
{
	__atomic_add_fetch(&shared->calls[frame->rax], 1, __ATOMIC_RELAXED);
}

static long make(const struct call *call, struct dune_frame *frame)
{
	if (!has_descriptors(call, frame))
		return -EBADF;
	if (has_supervisors(call, frame))
		return refuse(frame, EFAULT, "memory of the supervisor", NULL) ?:
		       -EFAULT;
	return call->handle ? call->handle(frame) : forward(frame);
}

static long decide(struct dune_frame *frame)
{
	const struct call *call = &calls[frame->rax];

	if (policy->flags & POLICY_STATS)
		count(frame);
	switch (policy->verdicts[frame->rax]) {
	case ALLOWED:
		return make(call, frame);
	case REFUSED:
		return refuse(frame, EPERM, "not allowed", NULL) ?: -EPERM;
	default:
		return -ENOSYS;
	}
}

/* What libdune calls for each system call of ring 3. */
void take_syscall(struct dune_frame *frame)
{
	long ret = -ENOSYS;

	/* of the number the kernel takes 32 bits */
	frame->rax = (uint32_t)frame->rax;
	if (frame->rax < SYSCALLS)
		ret = decide(frame);
	if (ret != KEEP)
		frame->rax = ret;
}
