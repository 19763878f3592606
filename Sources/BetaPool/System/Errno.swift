import CSystem

/// A failed operation, by errno. Thrown inside; the Export floor turns it into a negative code.
struct Errno: Error {
    let code: Int32

    static let invalidArgument = Errno(code: EINVAL)
    static let badHandle = Errno(code: EBADF)
    static let outOfMemory = Errno(code: ENOMEM)
    static let tryAgain = Errno(code: EAGAIN)
    static let timedOut = Errno(code: ETIMEDOUT)
    static let wouldDeadlock = Errno(code: EDEADLK)
    static let shutDown = Errno(code: ESHUTDOWN)
}
