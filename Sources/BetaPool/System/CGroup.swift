import CSystem

/// The control group that this process lives in (version 1 or 2), and the limits that it and every group above it set.
struct CGroup {
    private let membership: UnsafePointer<CChar>
    private let root: UnsafePointer<CChar>

    /// - Parameters:
    ///   - membership: the file that names the groups of a process.
    ///   - root: the folder where the groups are mounted.
    init(membership: UnsafePointer<CChar>, root: UnsafePointer<CChar>) {
        self.membership = membership
        self.root = root
    }

    /// The group of this process.
    static var current: CGroup {
        CGroup(membership: ("/proc/self/cgroup" as StaticString).cString, root: ("/sys/fs/cgroup" as StaticString).cString)
    }

    /// Cores that the CPU quota amounts to, e.g. 1.5; nil without a quota.
    var cores: Double? {
        let unified = least(controller: nil, file: "/cpu.max")
        // Version 1 keeps the two numbers in two files; nobody changes the period from its 100 ms without setting a quota beside it.
        let quota = least(controller: "cpu", file: "/cpu.cfs_quota_us")
        guard let quota, let period = least(controller: "cpu", file: "/cpu.cfs_period_us"), period > 0 else { return unified }
        return min(unified ?? .infinity, quota / period)
    }

    /// Bytes of memory; nil without a limit.
    var memory: Double? {
        Self.lesser(least(controller: nil, file: "/memory.max"), least(controller: "memory", file: "/memory.limit_in_bytes"))
    }

    /// Threads and processes; nil without a limit.
    var threads: Double? {
        Self.lesser(least(controller: nil, file: "/pids.max"), least(controller: "pids", file: "/pids.max"))
    }

    private static func lesser(_ one: Double?, _ other: Double?) -> Double? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    /// The least of the values in `file` of this process's group and of each group above it.
    /// - Parameter controller: a version 1 controller; nil for version 2.
    private func least(controller: StaticString?, file: StaticString) -> Double? {
        withScratch(4096) { group in
            guard findGroup(of: controller, into: group) else { return nil }
            var result: Double?
            while true {
                result = Self.lesser(result, read(controller: controller, group: group.baseAddress!, file: file))
                guard let slash = strrchr(group.baseAddress!, Int32(UInt8(ascii: "/"))) else { return result }
                slash.pointee = 0
            }
        }
    }

    /// The number in a file, or the quotient of the two numbers in it; nil for "max", "-1" and whatever else means "no limit".
    private func read(controller: StaticString?, group: UnsafePointer<CChar>, file: StaticString) -> Double? {
        withScratch(4096) { memory in
            var path = Text(in: memory)
            path.append(cString: root)
            if let controller {
                path.append("/")
                path.append(controller)
            }
            path.append(cString: group)
            path.append(file)
            guard !path.wasCut else { return nil }
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
                guard csystem_read_file(memory.baseAddress!, text.baseAddress!, text.count) > 0 else { return nil }
                var next = text.baseAddress!
                guard let number = Self.number(&next) else { return nil }
                guard let divisor = Self.number(&next), divisor > 0 else { return number }
                return number / divisor
            }
        }
    }

    /// Finds this process's group, "" for the root. Lines read "0::/a/b" (version 2) and "4:cpu,cpuacct:/a/b" (version 1).
    private func findGroup(of controller: StaticString?, into group: UnsafeMutableBufferPointer<CChar>) -> Bool {
        let found: Bool? = withScratch(4096) { text in
            guard csystem_read_file(membership, text.baseAddress!, text.count) > 0 else { return false }
            var line = text.baseAddress!
            while line.pointee != 0 {
                let end = strchr(line, Int32(UInt8(ascii: "\n")))
                end?.pointee = 0
                if let path = Self.path(inLine: line, of: controller) {
                    var found = Text(in: group)
                    if strcmp(path, "/") != 0 { found.append(cString: path) }
                    return !found.wasCut
                }
                guard let end else { return false }
                line = end + 1
            }
            return false
        }
        return found == true
    }

    private static func path(inLine line: UnsafeMutablePointer<CChar>, of controller: StaticString?) -> UnsafePointer<CChar>? {
        guard let names = strchr(line, Int32(UInt8(ascii: ":"))).map({ $0 + 1 }),
            let path = strchr(names, Int32(UInt8(ascii: ":"))).map({ $0 + 1 })
        else { return nil }
        let matches: Bool
        if let controller {
            matches = list(names, contains: controller)
        } else {
            matches = names.pointee == CChar(bitPattern: UInt8(ascii: ":"))
        }
        return matches ? UnsafePointer(path) : nil
    }

    private static func number(_ text: inout UnsafeMutablePointer<CChar>) -> Double? {
        let start = text
        var end: UnsafeMutablePointer<CChar>?
        let value = strtoll(start, &end, 10)
        guard let end, end != start, value >= 0 else { return nil }
        text = end
        return Double(value)
    }

    /// Whether "cpu,cpuacct:..." names the controller.
    private static func list(_ names: UnsafePointer<CChar>, contains controller: StaticString) -> Bool {
        let wanted = UnsafeRawPointer(controller.utf8Start).assumingMemoryBound(to: CChar.self)
        let length = controller.utf8CodeUnitCount
        var name = names
        while true {
            let size = strcspn(name, ",:")
            if size == length, strncmp(name, wanted, length) == 0 { return true }
            guard name[size] == CChar(bitPattern: UInt8(ascii: ",")) else { return false }
            name += size + 1
        }
    }
}
