import CBetaPool
import CSystem

/// Runs the body of an exported function: what it returns, or the negative code of what it throws. errno stays as it was.
@inline(__always)
func reporting(_ body: () throws(Errno) -> Int32) -> Int32 {
    let errno = csystem_errno()
    defer { csystem_set_errno(errno) }
    do throws(Errno) {
        return try body()
    } catch {
        return -error.code
    }
}

/// A size_t: the imported type is signed.
func size(_ value: Int) -> Int {
    Int(clamping: UInt(bitPattern: value))
}

@_cdecl("betapool_version")
public func betapool_version() -> UnsafePointer<CChar>? {
    csystem_version()
}

@_cdecl("betapool_strerror")
public func betapool_strerror(_ code: Int32) -> UnsafePointer<CChar>? {
    let text: StaticString =
        switch code {
        case 0: "success"
        case -EINVAL: "invalid argument: NULL, not a number, out of range, or a struct whose size field is not set"
        case -EBADF: "the handle was freed, or is not of this kind"
        case -ENOMEM: "out of memory"
        case -EAGAIN: "the queue is full or no thread can be started: try again when tasks have finished"
        case -ESHUTDOWN: "the pool was shut down and takes no further tasks"
        case -ECANCELED: "the task was cancelled before it ran"
        case -ETIMEDOUT: "the time is over"
        case -EDEADLK: "a worker cannot wait for its own pool: call this from another thread"
        default: "unknown error code"
        }
    return text.cString
}
