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
        let unified = least(controller: nil, file: "/cpu.max") { text in
            var words = Words(text)
            guard let quota = words.nextNumber(), let period = words.nextNumber(), period > 0 else { return nil }
            return quota / period
        }
        // Version 1 keeps the two numbers in two files; nobody changes the period from its 100 ms without setting a quota beside it.
        let quota = least(controller: "cpu", file: "/cpu.cfs_quota_us") { text in
            var words = Words(text)
            return words.nextNumber()
        }
        let period = least(controller: "cpu", file: "/cpu.cfs_period_us") { text in
            var words = Words(text)
            return words.nextNumber()
        }
        var cores = unified
        if let quota, let period, period > 0 { cores = min(cores ?? .infinity, quota / period) }
        return cores
    }

    /// Bytes of memory; nil without a limit.
    var memory: Double? {
        leastNumber(controller: nil, file: "/memory.max", or: "memory", file: "/memory.limit_in_bytes")
    }

    /// Threads and processes; nil without a limit.
    var threads: Double? {
        leastNumber(controller: nil, file: "/pids.max", or: "pids", file: "/pids.max")
    }

    private func leastNumber(
        controller: StaticString?, file: StaticString, or other: StaticString, file otherFile: StaticString
    ) -> Double? {
        let number: (UnsafePointer<CChar>) -> Double? = { text in
            var words = Words(text)
            return words.nextNumber()
        }
        let unified = least(controller: controller, file: file, number)
        let legacy = least(controller: other, file: otherFile, number)
        guard let unified else { return legacy }
        return min(unified, legacy ?? .infinity)
    }

    /// The least of the values in `file` of this process's group and of each group above it.
    /// - Parameter controller: a version 1 controller; nil for version 2.
    private func least(controller: StaticString?, file: StaticString, _ parse: (UnsafePointer<CChar>) -> Double?) -> Double? {
        withScratch(4096) { group in
            guard findGroup(of: controller, into: group) else { return nil }
            var result: Double?
            while true {
                if let value = read(controller: controller, group: group.baseAddress!, file: file, parse) {
                    result = min(result ?? .infinity, value)
                }
                guard let slash = strrchr(group.baseAddress!, Int32(UInt8(ascii: "/"))) else { return result }
                slash.pointee = 0
            }
        }
    }

    private func read(
        controller: StaticString?, group: UnsafePointer<CChar>, file: StaticString, _ parse: (UnsafePointer<CChar>) -> Double?
    ) -> Double? {
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
                return parse(text.baseAddress!)
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

/// The blank-separated words of a text.
private struct Words {
    private var next: UnsafePointer<CChar>

    init(_ text: UnsafePointer<CChar>) {
        next = text
    }

    /// The next word as a number that is not negative; nil for "max", "-1" and whatever else means "no limit".
    mutating func nextNumber() -> Double? {
        var end: UnsafeMutablePointer<CChar>?
        let value = strtoll(next, &end, 10)
        guard let end, UnsafePointer(end) != next, value >= 0 else { return nil }
        next = UnsafePointer(end)
        return Double(value)
    }
}
