import Testing

@testable import LevqorPG

@Suite("JSON Schema")
struct JSONSchemaTests {
    private func schema(_ text: String, registry: [String: String] = [:]) throws -> JSONSchema {
        try JSONSchema(JSONParser.parse(text), registry: registry.mapValues { try JSONParser.parse($0) })
    }

    private func violations(_ schemaText: String, _ text: String) throws -> [JSONSchemaViolation] {
        try schema(schemaText).validate(JSONParser.parse(text))
    }

    @Test(
        "A violation names the place, the rule and the limit",
        arguments: [
            (#"{"type":"string"}"#, "1", "", "type", "string"),
            (#"{"type":["string","null"]}"#, "1", "", "type", "null, string"),
            (#"{"properties":{"a/b":{"minimum":2.50}}}"#, #"{"a/b":1}"#, "/a~1b", "minimum", "2.50"),
            (#"{"maximum":1}"#, "2", "", "maximum", "1"),
            (#"{"exclusiveMinimum":1}"#, "1", "", "exclusiveMinimum", "1"),
            (#"{"exclusiveMaximum":1}"#, "1", "", "exclusiveMaximum", "1"),
            (#"{"multipleOf":0.01}"#, "0.005", "", "multipleOf", "0.01"),
            (#"{"items":{"maxLength":2}}"#, #"["ab","abc"]"#, "/1", "maxLength", "2"),
            (#"{"minLength":2}"#, #""é""#, "", "minLength", "2"),
            (#"{"pattern":"^[a-z]+$"}"#, #""A""#, "", "pattern", "^[a-z]+$"),
            (#"{"format":"ipv4"}"#, #""1.2.3""#, "", "format", "ipv4"),
            (#"{"required":["a"]}"#, "{}", "", "required", "a"),
            (
                #"{"properties":{"a":{}},"additionalProperties":false}"#, #"{"b":1}"#, "/b", "additionalProperties",
                "false"
            ),
            (
                #"{"properties":{"a":{}},"unevaluatedProperties":false}"#, #"{"b":1}"#, "/b", "unevaluatedProperties",
                "false"
            ),
            (#"{"prefixItems":[{}],"unevaluatedItems":false}"#, "[1,2]", "/1", "unevaluatedItems", "false"),
            (#"{"prefixItems":[{}],"items":false}"#, "[1,2]", "", "items", "1"),
            (#"{"uniqueItems":true}"#, "[1,2,1.0]", "", "uniqueItems", "true"),
            (#"{"uniqueItems":true}"#, "[0,1,2,3,4,5,6,7,8,1.0]", "", "uniqueItems", "true"),
            (#"{"enum":["x",2]}"#, "3", "", "enum", "\"x\", 2"),
            (#"{"const":"x"}"#, "3", "", "const", "\"x\""),
            (#"{"minItems":1}"#, "[]", "", "minItems", "1"), (#"{"maxItems":0}"#, "[1]", "", "maxItems", "0"),
            (#"{"minProperties":1}"#, "{}", "", "minProperties", "1"),
            (#"{"maxProperties":0}"#, #"{"a":1}"#, "", "maxProperties", "0"),
            (#"{"contains":{"type":"null"}}"#, "[1]", "", "contains", "1"),
            (#"{"contains":{},"maxContains":1}"#, "[1,2]", "", "maxContains", "1"),
            (#"{"dependentRequired":{"a":["b"]}}"#, #"{"a":1}"#, "", "dependentRequired", "b"),
            (#"{"propertyNames":{"maxLength":1}}"#, #"{"ab":1}"#, "/ab", "maxLength", "1"),
            (#"{"anyOf":[{"type":"null"},{"maxLength":1,"type":"string"}]}"#, #""ab""#, "", "maxLength", "1"),
            (#"{"anyOf":[{"type":"null"},{"type":"string"}]}"#, "1", "", "anyOf", "2"),
            (#"{"oneOf":[{"minimum":1},{"minimum":2}]}"#, "3", "", "oneOf", "1"),
        ] as [(String, String, String, String, String)]
    )
    func namesTheRule(schema: String, text: String, pointer: String, keyword: String, limit: String) throws {
        let found = try violations(schema, text)
        #expect(found.count == 1)
        let violation = try #require(found.first)
        #expect(violation.pointer == pointer)
        #expect(violation.keyword == keyword)
        #expect(violation.limit == limit)
        #expect(violation.message.first?.isUppercase == true)
    }

    @Test("All broken rules are reported, up to the bound")
    func boundsViolations() throws {
        let text = "[" + Array(repeating: "1", count: 50).joined(separator: ",") + "]"
        #expect(try violations(#"{"items":{"type":"string"}}"#, text).count == JSONSchema.maximumViolations)
        let rules = try schema(#"{"required":["a","b"],"properties":{"c":{"type":"null"},"d":{"minimum":3}}}"#)
        #expect(
            try rules.validate(JSONParser.parse(#"{"c":1,"d":1}"#)).map(\.keyword) == [
                "required", "required", "type", "minimum",
            ]
        )
        #expect(try rules.validate(JSONParser.parse(#"{"c":1,"d":1}"#), limit: 1).count == 1)
    }

    @Test(
        "A schema that cannot be used is refused with the pointer of its fault",
        arguments: [
            (##"1"##, ""),
            (##"{"type":"text"}"##, "/type"),
            (##"{"properties":{"a":{"minimum":"1"}}}"##, "/properties/a/minimum"),
            (##"{"properties":{"a":1}}"##, "/properties/a"),
            (##"{"pattern":"("}"##, "/pattern"),
            (##"{"pattern":"\\a"}"##, "/pattern"),
            (##"{"$ref":"#/$defs/none"}"##, "/$ref"),
            (##"{"$ref":"other.json"}"##, "/$ref"),
            (##"{"$ref":"#none"}"##, "/$ref"),
            (##"{"required":["a","a"]}"##, "/required"),
            (##"{"maxLength":-1}"##, "/maxLength"),
            (##"{"maxLength":1.5}"##, "/maxLength"),
            (##"{"multipleOf":0}"##, "/multipleOf"),
            (##"{"allOf":[]}"##, "/allOf"),
            (##"{"$schema":"http://json-schema.org/draft-07/schema#"}"##, "/$schema"),
            (##"{"$ref":"#"}"##, ""),
            (##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##, "/$defs/a/allOf/0"),
            (##"{"$anchor":"1"}"##, "/$anchor"),
            (##"{"items":{"$id":"#x"}}"##, "/items/$id"),
            (##"{"uniqueItems":1}"##, "/uniqueItems"),
            (##"{"properties":[]}"##, "/properties"),
        ] as [(String, String)]
    )
    func refusesBadSchemas(text: String, pointer: String) throws {
        let error = #expect(throws: JSONSchemaError.self) { try schema(text) }
        #expect(error?.pointer == pointer)
    }

    @Test("An error in a referenced document names that document")
    func namesTheDocument() throws {
        let error = #expect(throws: JSONSchemaError.self) {
            try schema(#"{"$ref":"urn:x:1"}"#, registry: ["urn:x:1": #"{"items":{"type":1}}"#])
        }
        #expect(error?.document == "urn:x:1")
        #expect(error?.pointer == "/items/type")
    }

    @Test("A schema inside of a registered document is found by its own URI")
    func findsEmbeddedResources() throws {
        let rules = try schema(
            #"{"$ref":"https://example.com/inner"}"#,
            registry: ["urn:x:1": #"{"$defs":{"i":{"$id":"https://example.com/inner","type":"null"}}}"#]
        )
        #expect(try rules.isValid(JSONParser.parse("null")))
        #expect(try !rules.isValid(JSONParser.parse("1")))
    }

    @Test("Every metaschema is valid by the metaschema", arguments: Metaschemas.uris)
    func metaschemasAreValid(uri: String) throws {
        let rules = try schema(#"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#)
        let document = try #require(Metaschemas.document(uri))
        #expect(rules.validate(document) == [])
        #expect(try rules.validate(JSONParser.parse(#"{"properties":{"a":{"type":"text"}}}"#)) != [])
    }

    @Test(
        "A recursion without end ends with a violation, also behind a negation or many branches",
        arguments: [
            ##"{"$dynamicAnchor":"n","$dynamicRef":"#n"}"##,
            ##"{"$dynamicAnchor":"n","not":{"$dynamicRef":"#n"}}"##,
            ##"{"$dynamicAnchor":"n","anyOf":[{"$dynamicRef":"#n"},{"$dynamicRef":"#n"},{"$dynamicRef":"#n"}]}"##,
        ]
    )
    func endsDynamicLoops(text: String) throws {
        let rules = try schema(text)
        #expect(rules.validate(.null).map(\.keyword) == ["$ref"])
        #expect(!rules.isValid(.null))
    }

    @Test("A recursive schema reaches down to the deepest value that the parser accepts")
    func reachesTheDeepestValue() throws {
        let metaschema = try schema(#"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#)
        func nested(_ inner: String) throws -> JSONValue {
            let levels = JSONParser.maximumDepth - 1
            return try JSONParser.parse(
                String(repeating: #"{"items":"#, count: levels) + inner + String(repeating: "}", count: levels)
            )
        }
        #expect(metaschema.validate(try nested("{}")) == [])
        #expect(metaschema.validate(try nested("1")).map(\.keyword) == ["type"])
    }

    @Test("Formats can be notes only")
    func annotatesFormats() throws {
        let document = try JSONParser.parse(#"{"format":"uuid"}"#)
        let value = try JSONParser.parse(#""no""#)
        #expect(try JSONSchema(document, formats: .annotated).isValid(value))
        #expect(try !JSONSchema(document).isValid(value))
    }

    @Test("Strings are equal only with equal code units")
    func comparesStringsByCodeUnits() throws {
        #expect(try violations("{\"const\":\"\u{E9}\"}", "\"e\u{301}\"").count == 1)
        #expect(try violations("{\"properties\":{\"\u{E9}\":false}}", "{\"e\u{301}\":1}").isEmpty)
    }
}
