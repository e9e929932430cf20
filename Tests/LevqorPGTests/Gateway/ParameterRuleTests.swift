import Testing

@testable import LevqorPG

@Suite("A parameter's text becomes the value that its schema wants")
struct ParameterRuleTests {
    @Test(
        "Text is read by the schema's type",
        arguments: [
            (#"{"type": "integer"}"#, "5", "5", true), (#"{"type": "integer"}"#, "-0", "-0", true),
            (#"{"type": "integer"}"#, "5.5", "5.5", false), (#"{"type": "integer"}"#, "five", #""five""#, false),
            (#"{"type": "integer"}"#, "", #""""#, false), (#"{"type": "integer"}"#, "05", #""05""#, false),
            (#"{"type": "integer"}"#, "+5", #""+5""#, false), (#"{"type": "integer"}"#, "0x5", #""0x5""#, false),
            (#"{"type": "integer"}"#, "true", #""true""#, false), (#"{"type": "integer"}"#, "null", #""null""#, false),
            (#"{"type": "integer"}"#, "[5]", #""[5]""#, false), (#"{"type": "integer"}"#, "NaN", #""NaN""#, false),
            (#"{"type": "integer", "maximum": 100}"#, "101", "101", false),
            (#"{"type": "number"}"#, "1.5e3", "1.5e3", true),
            (#"{"type": "boolean"}"#, "true", "true", true), (#"{"type": "boolean"}"#, "false", "false", true),
            (#"{"type": "boolean"}"#, "TRUE", #""TRUE""#, false), (#"{"type": "boolean"}"#, "1", #""1""#, false),
            (#"{"type": "string"}"#, "5", #""5""#, true), (#"{"type": "string"}"#, "true", #""true""#, true),
            (#"{"type": "string", "minLength": 1}"#, "", #""""#, false),
            (#"{"type": ["integer", "string"]}"#, "5", "5", true),
            (#"{"type": ["integer", "string"]}"#, "x", #""x""#, true),
            (#"{}"#, "5", #""5""#, true), (#"{"enum": ["a"]}"#, "b", #""b""#, false),
        ])
    func reads(schema: String, text: String, json: String, isFine: Bool) throws {
        let rule = try ParameterRule(try JSONParser.parse(schema))
        let value = rule.value(of: text)
        #expect(JSONText.string(value) == json)
        #expect(rule.violations(of: value).isEmpty == isFine)
    }

    @Test("A schema that does not compile is refused")
    func refuses() throws {
        let schema = try JSONParser.parse(#"{"type": "integr"}"#)
        #expect(throws: JSONSchemaError.self) { try ParameterRule(schema) }
    }
}
