//! System calls that are left: seccomp.
//!
//! Three filters, of which the strictest answer counts: one that makes `clone3` look absent (glibc
//! then uses `clone`, whose flags can be seen: threads yes, processes no), a list of what ends the
//! process, and a list of what is allowed (all else is refused with `EPERM`).

use super::Plan;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, Lt, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // Files that are open, and those that Landlock lets be opened.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_openat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchmod,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    // Memory. What can be executed is seen to below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_munlock,
    // Threads, and waiting for each other.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    // Signals to oneself.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time, chance, and who one is.
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_capget,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
];

/// What older kernels' ways of the above are called on this architecture.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_readlink,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Reading packets.
const PACKETS: &[i64] = &[
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
];

/// Nothing here asks for these: whoever does has taken the program over.
const DEADLY: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// What is asked of a descriptor: terminals, pipes.
const REQUESTS: &[u64] =
    &[libc::TCGETS, libc::TCGETS2, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX];

/// What is asked of a device that packets come from (`linux/sockios.h`).
const DEVICE_REQUESTS: &[u64] = &[
    0x8910, // SIOCGIFNAME
    0x8912, // SIOCGIFCONF
    0x8913, // SIOCGIFFLAGS
    0x8921, // SIOCGIFMTU
    0x8927, // SIOCGIFHWADDR
    0x8933, // SIOCGIFINDEX
    0x8946, // SIOCETHTOOL
];

/// Puts the filters in force; what could not be comes back in words.
pub(super) fn restrict(plan: &Plan) -> Vec<String> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return vec!["no seccomp filter is known for this processor".to_owned()];
    };
    // What is allowed comes last, because setting filters is no part of it.
    let filters = [
        (Ok(absent()), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32)),
        (Ok(deadly()), SeccompAction::Allow, SeccompAction::KillProcess),
        (allowed(plan), SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow),
    ];
    let done = filters.into_iter().try_for_each(|(rules, otherwise, then)| {
        let program: Result<BpfProgram, BackendError> =
            rules.and_then(|rules| SeccompFilter::new(rules, otherwise, then, arch)?.try_into());
        let program = program.map_err(|error| error.to_string())?;
        apply_filter_all_threads(&program).map_err(|error| error.to_string())
    });
    match done {
        Ok(()) => Vec::new(),
        Err(why) => vec![format!("system calls are not restricted: {why}")],
    }
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    op: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, op, value)
}

/// One rule for each of the values that an argument may have.
fn any_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let one = |value: &u64| SeccompRule::new(vec![when(argument, Dword, Eq, *value)?]);
    values.iter().map(one).collect()
}

fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn allowed(plan: &Plan) -> Result<Rules, BackendError> {
    let live = plan.reopens || plan.sockets_from.is_some();
    let mut rules: Rules = ALLOWED.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    if live {
        rules.extend(PACKETS.iter().map(|call| (*call, Vec::new())));
    }
    if plan.answers {
        let calls = [libc::SYS_accept4, libc::SYS_setsockopt];
        rules.extend(calls.map(|call| (call, Vec::new())));
    }
    // A write to a packet socket is a frame on the wire.
    for call in [libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64] {
        let below = |from: i32| SeccompRule::new(vec![when(0, Dword, Lt, number(from))?]);
        rules.insert(call, plan.sockets_from.map(below).transpose()?.into_iter().collect());
    }
    // No memory becomes code.
    let exec = number(libc::PROT_EXEC);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![SeccompRule::new(vec![when(2, Dword, MaskedEq(exec), 0)?])?]);
    }
    let thread = number(libc::CLONE_THREAD);
    let threads = SeccompRule::new(vec![when(0, Dword, MaskedEq(thread), thread)?])?;
    rules.insert(libc::SYS_clone, vec![threads]);
    let me = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, any_of(0, &[me])?);
    let settings = [
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_SET_VMA,
        libc::PR_GET_DUMPABLE,
        libc::PR_GET_NO_NEW_PRIVS,
    ];
    rules.insert(libc::SYS_prctl, any_of(0, &settings.map(number))?);
    // Limits may be asked for, not set.
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![when(2, Qword, Eq, 0)?])?]);
    let told = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
    ];
    rules.insert(libc::SYS_fcntl, any_of(1, &told.map(number))?);
    let mut requests = REQUESTS.to_vec();
    if live {
        requests.extend(DEVICE_REQUESTS);
    }
    rules.insert(libc::SYS_ioctl, any_of(1, &requests)?);
    if plan.reopens {
        // Packets; and what devices are asked through, which can neither connect nor send.
        let families = [libc::AF_PACKET, libc::AF_UNIX];
        rules.insert(libc::SYS_socket, any_of(0, &families.map(number))?);
        rules.insert(libc::SYS_bind, Vec::new());
    }
    Ok(rules)
}

fn deadly() -> Rules {
    DEADLY.iter().map(|call| (*call, Vec::new())).collect()
}

fn absent() -> Rules {
    Rules::from([(libc::SYS_clone3, Vec::new())])
}
