import CSystem

/// What this process may use, as far as the system tells.
struct Limits {
    /// Cores by affinity, lowered by a CPU quota; above 0, may be a fraction.
    let cores: Double
    /// Bytes; nil if unknown.
    let memory: UInt64?
    /// Threads; nil if unknown.
    let threads: UInt64?

    /// The limits in force now.
    static func current() -> Limits {
        let group = CGroup.current
        let affinity = csystem_affinity_count()
        let cores = min(affinity > 0 ? Double(affinity) : 1, group.cores ?? .infinity)
        return Limits(
            cores: max(cores, 0.01),
            memory: least(csystem_physical_memory(), group.memory),
            threads: least(least(csystem_process_limit(), group.threads) ?? 0, kernelThreads))
    }

    /// Those in force now or a second ago: to read them takes as long as to start some threads.
    static func recent() -> Limits {
        pthread_mutex_lock(csystem_registry_mutex())
        defer { pthread_mutex_unlock(csystem_registry_mutex()) }
        let now = Clock.now()
        if now - latest.time > 1 { latest = (now, .current()) }
        return latest.limits
    }

    /// Guarded by the registry's mutex.
    nonisolated(unsafe) private static var latest = (time: -Double.infinity, limits: Limits(cores: 1, memory: nil, threads: nil))

    private static var kernelThreads: Double? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
            guard csystem_read_file(("/proc/sys/kernel/threads-max" as StaticString).cString, text.baseAddress!, text.count) > 0 else {
                return nil
            }
            let value = strtoll(text.baseAddress!, nil, 10)
            return value > 0 ? Double(value) : nil
        }
    }

    /// The lesser of two limits, of which 0 and nil are none.
    private static func least(_ one: UInt64, _ other: Double?) -> UInt64? {
        guard let other, other < 0x1p63 else { return one > 0 ? one : nil }
        return one > 0 ? min(one, UInt64(other)) : UInt64(other)
    }
}
