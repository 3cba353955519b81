// What schemas are held to: every description, one way of naming, and Relay's pages and ids.
import graphql from "@graphql-eslint/eslint-plugin";

const every = {
  types: true,
  FieldDefinition: true,
  InputValueDefinition: true,
  EnumValueDefinition: true,
  DirectiveDefinition: true,
  // Strawberry cannot describe the arguments of a directive; the directive's own description does.
  ignoredSelectors: ["DirectiveDefinition > InputValueDefinition"],
};

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: process.env.ATLAS_SCHEMA } },
    },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      "@graphql-eslint/description-style": "error",
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      "@graphql-eslint/relay-connection-types": "error",
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      "@graphql-eslint/relay-page-info": "error",
      "@graphql-eslint/require-deprecation-reason": "error",
      "@graphql-eslint/require-description": ["error", every],
      "@graphql-eslint/no-unreachable-types": "error",
      "@graphql-eslint/unique-enum-value-names": "error",
      "@graphql-eslint/naming-convention": [
        "error",
        {
          types: "PascalCase",
          FieldDefinition: "camelCase",
          InputValueDefinition: "camelCase",
          Argument: "camelCase",
          DirectiveDefinition: "camelCase",
          EnumValueDefinition: "UPPER_CASE",
          "InputObjectTypeDefinition[name.value!=/(Input|Filter|Order)$/]": { requiredPattern: /Input$/ },
          "FieldDefinition[parent.name.value=Query]": { forbiddenPrefixes: ["query", "get"] },
          "FieldDefinition[parent.name.value=Mutation]": { forbiddenSuffixes: ["Mutation"] },
        },
      ],
    },
  },
];
